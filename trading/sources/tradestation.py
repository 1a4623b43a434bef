"""TradeStation: EasyLanguage's WebClient sends JSON, FileAppend writes lines."""

from trading.sources.easylanguage import read

TEMPLATE = """using elsystem;
using elsystem.net;

vars: GoLong(false), GoShort(false), LeaveLong(false), LeaveShort(false),
    intrabarpersist RunId(""), intrabarpersist SentCount(0);

method string Field(string name, string value)
begin
    return DoubleQuote + name + DoubleQuote + ":" + DoubleQuote + value + DoubleQuote;
end;

method void Send(string verb, double lots)
vars: WebClient client, string body;
begin
    if GetAppInfo(aiRealTimeCalc) = 1 then begin
        if RunId = "" then RunId = NumToStr(ComputerDateTime, 8);
        SentCount = SentCount + 1;
        body = Field("id", "mr-1-" + Symbol + "-" + RunId + "-" + NumToStr(SentCount, 0))
            + "," + Field("strategy", "mr-1") + "," + Field("symbol", Symbol)
            + "," + Field("action", verb)
            + "," + Field("bar_at", NumToStr(Date, 0) + " " + NumToStr(Time, 0));
        if lots > 0 then body = body + "," + Field("size", NumToStr(lots, 2));
        client = WebClient.Create();
        client.Headers.Add("Content-Type: application/json");
        client.Headers.Add("Authorization: Bearer KEY");
        client.UploadString("ADDRESS", "{" + body + "}");
    end;
end;

GoLong = Close > Highest(High, 20)[1];
GoShort = Close < Lowest(Low, 20)[1];
LeaveLong = Close < Lowest(Low, 10)[1];
LeaveShort = Close > Highest(High, 10)[1];

if GoLong and MarketPosition <> 1 then begin
    Buy next bar at market;
    Send("Buy", 0.10);
end
else if GoShort and MarketPosition <> -1 then begin
    SellShort next bar at market;
    Send("SellShort", 0.10);
end
else if LeaveLong and MarketPosition = 1 then begin
    Sell next bar at market;
    Send("Sell", 0);
end
else if LeaveShort and MarketPosition = -1 then begin
    BuyToCover next bar at market;
    Send("BuyToCover", 0);
end;"""

__all__ = ["TEMPLATE", "read"]
