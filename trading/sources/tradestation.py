"""TradeStation: EasyLanguage's WebClient sends JSON, FileAppend writes lines."""

from trading.sources.easylanguage import read

TEMPLATE = """using elsystem;
using elsystem.net;

method void Send(string action, double lots)
vars: WebClient client, string body;
begin
    client = WebClient.Create();
    client.Headers.Add("Content-Type: application/json");
    client.Headers.Add("Authorization: Bearer KEY");
    body = "{" + DoubleQuote + "strategy" + DoubleQuote + ":" + DoubleQuote + "mr-1" + DoubleQuote
        + "," + DoubleQuote + "symbol" + DoubleQuote + ":" + DoubleQuote + Symbol + DoubleQuote
        + "," + DoubleQuote + "action" + DoubleQuote + ":" + DoubleQuote + action + DoubleQuote
        + "," + DoubleQuote + "size" + DoubleQuote + ":" + DoubleQuote + NumToStr(lots, 2) + DoubleQuote
        + "," + DoubleQuote + "bar_at" + DoubleQuote + ":" + DoubleQuote
        + NumToStr(Date, 0) + " " + NumToStr(Time, 0) + DoubleQuote + "}";
    if GetAppInfo(aiRealTimeCalc) = 1 then client.UploadString("ADDRESS", body);
end;"""

__all__ = ["TEMPLATE", "read"]
