"""MultiCharts: PowerLanguage prints lines into a file of the drop folder; its .NET may send JSON."""

from trading.sources.easylanguage import read

TEMPLATE = """if LastBarOnChart and GetAppInfo(aiRealTimeCalc) = 1 then
    Print(File("FOLDER\\\\mr-1.csv"),
        "v1;", Date:0:0, " ", Time:0:0, ";mr-1;", Symbol, ";buy;", 0.10:0:2, ";lots;market;;;;",
        MarketPosition:0:0, ";", MarketPosition(1):0:0, ";", "mr1-", Date:0:0, "-", Time:0:0);"""

__all__ = ["TEMPLATE", "read"]
