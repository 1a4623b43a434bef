/* Pages of faults stand alone: they only take over which theme the person chose in the frame. */
(function () {
  "use strict";

  const chosen = localStorage.getItem("adminTheme");
  if (chosen === '"dark"' || chosen === '"light"') document.documentElement.style.colorScheme = JSON.parse(chosen);
})();
