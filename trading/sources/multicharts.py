"""MultiCharts: PowerLanguage prints lines into a file of the drop folder; its .NET may send JSON."""

from trading.sources.easylanguage import read

TEMPLATE = """vars: GoLong(false), GoShort(false), LeaveLong(false), LeaveShort(false), Verb(""), Amount(""),
    intrabarpersist RunId(""), intrabarpersist SentCount(0);

GoLong = Close > Highest(High, 20)[1];
GoShort = Close < Lowest(Low, 20)[1];
LeaveLong = Close < Lowest(Low, 10)[1];
LeaveShort = Close > Highest(High, 10)[1];

Verb = "";
if GoLong and MarketPosition <> 1 then begin
    Buy next bar at market;
    Verb = "Buy"; Amount = "0.10";
end
else if GoShort and MarketPosition <> -1 then begin
    SellShort next bar at market;
    Verb = "SellShort"; Amount = "0.10";
end
else if LeaveLong and MarketPosition = 1 then begin
    Sell next bar at market;
    Verb = "Sell"; Amount = "";
end
else if LeaveShort and MarketPosition = -1 then begin
    BuyToCover next bar at market;
    Verb = "BuyToCover"; Amount = "";
end;

if Verb <> "" and LastBarOnChart and GetAppInfo(aiRealTimeCalc) = 1 then begin
    if RunId = "" then RunId = NumToStr(ComputerDateTime, 8);
    SentCount = SentCount + 1;
    Print(File("FOLDER\\\\mr-1.csv"),
        "v1;", Date:0:0, " ", Time:0:0, ";mr-1;", Symbol, ";", Verb, ";", Amount, ";lots;market;;;;;;",
        "mr-1-", Symbol, "-", RunId, "-", SentCount:0:0);
end;"""

__all__ = ["TEMPLATE", "read"]
