/* Draws every [data-chart] from the JSON beside it. Colours come from the page, one fixed meaning each. */
(function () {
  "use strict";

  const MINUS = "\u2212";
  const THIN = "\u202f";
  const charts = new Map();

  function css(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  function money(value, digits) {
    if (value === null || value === undefined || Number.isNaN(value)) return "–";
    const [whole, rest] = Math.abs(value).toFixed(digits).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, THIN);
    const negative = value < 0 && Number(Math.abs(value).toFixed(digits)) !== 0;
    return (negative ? MINUS : "") + grouped + (rest ? "." + rest : "");
  }

  function colour(series) {
    return css("--series-" + series.role) || css("--hub-link");
  }

  function toSeries(series, data) {
    const shared = { name: series.name, color: colour(series), data: series.points };
    if (series.style === "marks") {
      return { ...shared, type: "scatter", symbolSize: 9, symbol: "diamond", z: 5 };
    }
    return {
      ...shared,
      type: "line",
      showSymbol: series.points.length === 1,
      step: series.style === "steps" ? "end" : false,
      lineStyle: { width: data.small ? 1.5 : 2, type: series.style === "dashed" ? "dashed" : "solid" },
      areaStyle: data.small ? { opacity: 0.12 } : undefined,
      connectNulls: false,
    };
  }

  function tooltip(data) {
    return {
      trigger: "axis",
      confine: true,
      backgroundColor: css("--hub-panel"),
      borderColor: css("--hub-line"),
      textStyle: { color: css("--hub-ink"), fontSize: 12 },
      axisPointer: { type: "cross", label: { show: false }, lineStyle: { color: css("--hub-muted") } },
      valueFormatter: (value) => money(Array.isArray(value) ? value[1] : value, data.digits) + THIN + data.unit,
    };
  }

  function option(data) {
    const axis = { axisLine: { lineStyle: { color: css("--hub-line") } }, axisLabel: { color: css("--hub-muted"), hideOverlap: true } };
    const base = {
      animation: false,
      textStyle: { fontFamily: getComputedStyle(document.body).fontFamily },
      series: data.series.map((one) => toSeries(one, data)),
      tooltip: tooltip(data),
      xAxis: { type: "time", ...axis },
      yAxis: {
        type: "value", scale: true, ...axis,
        splitLine: { lineStyle: { color: css("--hub-line"), opacity: 0.6 } },
        axisLabel: { color: css("--hub-muted"), formatter: (value) => money(value, 0) },
      },
    };
    if (data.small) {
      base.xAxis.show = false;
      base.yAxis.show = false;
      return { ...base, grid: { left: 2, right: 2, top: 4, bottom: 2 } };
    }
    return {
      ...base,
      aria: { enabled: true, label: { description: data.title } },
      grid: { left: 8, right: 12, top: 40, bottom: data.zooms ? 48 : 8, containLabel: true },
      legend: { top: 4, left: 0, textStyle: { color: css("--hub-text") }, inactiveColor: css("--hub-muted"), icon: "roundRect", itemWidth: 14, itemHeight: 4 },
      dataZoom: data.zooms ? [{ type: "slider", height: 22, bottom: 8, borderColor: css("--hub-line"), textStyle: { color: css("--hub-muted") }, labelFormatter: (at) => day(at) }] : [],
    };
  }

  function day(at) {
    return new Date(at).toISOString().slice(0, 10);
  }

  /* Zooming sets the page's period once the hand lets go. */
  function zoomSetsPeriod(chart, element) {
    let waiting = null;
    chart.on("datazoom", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        const zoom = chart.getOption().dataZoom[0];
        if (zoom.start <= 0.5 && zoom.end >= 99.5) return;
        const query = new URLSearchParams(window.location.search);
        query.set("period", "custom");
        query.set("from", day(zoom.startValue));
        query.set("to", day(zoom.endValue));
        window.location.assign("?" + query.toString() + "#" + element.id);
      }, 900);
    });
  }

  function draw(element) {
    const data = JSON.parse(document.getElementById(element.dataset.chart).textContent);
    const known = charts.get(element.id);
    if (known) known.dispose();
    const chart = window.echarts.init(element, null, { renderer: "canvas" });
    chart.setOption(option(data));
    if (data.zooms) zoomSetsPeriod(chart, element);
    charts.set(element.id, chart);
  }

  function drawAll() {
    document.querySelectorAll("[data-chart]").forEach(draw);
  }

  function savePicture(event) {
    const button = event.target.closest("[data-chart-picture]");
    const chart = button && charts.get(button.dataset.chartPicture);
    if (!chart) return;
    const link = document.createElement("a");
    link.href = chart.getDataURL({ pixelRatio: 2, backgroundColor: css("--hub-ground") || "#fff" });
    link.download = button.dataset.chartPicture + ".png";
    link.click();
  }

  /* Paper is white: charts of the dark theme are drawn in light colours while the page is printed. */
  function printInLight() {
    const root = document.documentElement.classList;
    let wasDark = false;
    window.addEventListener("beforeprint", () => {
      wasDark = root.contains("dark");
      root.remove("dark");
      if (wasDark) drawAll();
    });
    window.addEventListener("afterprint", () => {
      if (wasDark) root.add("dark");
      if (wasDark) drawAll();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    document.addEventListener("click", savePicture);
    window.addEventListener("resize", () => charts.forEach((chart) => chart.resize()));
    new ResizeObserver(() => charts.forEach((chart) => chart.resize())).observe(document.getElementById("main") || document.body);
    printInLight();
    let theme = document.documentElement.classList.contains("dark");
    new MutationObserver(() => {
      const now = document.documentElement.classList.contains("dark");
      if (now !== theme) {
        theme = now;
        drawAll();
      }
    }).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
  });
})();
