"""The contracts of the simulated exchange: ES and MES, three quarterly expiries each."""

from __future__ import annotations

import zlib
from datetime import date, datetime, timedelta

import msgspec

from qe_plugins.testing.tws.exchange.hours import CHICAGO, GatewayHours, trading_date
from qe_plugins.testing.tws.wire.messages import Body

MONTH_CODES = {3: "H", 6: "M", 9: "U", 12: "Z"}
MARKET_RULE = 67
TICK = 0.25
NAMES = {"ES": "E-mini S&P 500", "MES": "Micro E-Mini S&P 500 Stock Price Index"}
MULTIPLIERS = {"ES": 50.0, "MES": 5.0}
COMMISSIONS = {"ES": 2.25, "MES": 0.62}
MARGINS = {"ES": 26_400.0, "MES": 2_640.0}
UNDERLYING_ID = 11_004_968
ORDER_TYPES = "ACTIVETIM,ALERT,ALLOC,DAY,GTC,LMT,MKT,OCA,OUTSIDERTH,STP,STPLMT,TRAIL,WHATIF"


class ListedFuture(msgspec.Struct, frozen=True):
    """One dated contract as the gateway lists it.

    `last_trade` is the end of trading, 08:30 Chicago time on the third Friday.
    """

    root: str
    con_id: int
    local_symbol: str
    last_trade: datetime

    @property
    def multiplier(self) -> float:
        return MULTIPLIERS[self.root]

    @property
    def commission(self) -> float:
        return COMMISSIONS[self.root]

    @property
    def margin(self) -> float:
        return MARGINS[self.root]

    @property
    def expiry(self) -> date:
        return self.last_trade.date()

    def contract(self) -> Body:
        """Return the contract as it appears in orders, executions and positions."""
        return {
            "conId": self.con_id,
            "symbol": self.root,
            "secType": "FUT",
            "lastTradeDateOrContractMonth": f"{self.expiry:%Y%m%d}",
            "strike": 0.0,
            "multiplier": self.multiplier,
            "exchange": "CME",
            "currency": "USD",
            "localSymbol": self.local_symbol,
            "tradingClass": self.root,
            "lastTradeDate": f"{self.expiry:%Y%m%d}",
        }

    def details(self, hours: GatewayHours, now: float) -> Body:
        """Return the contract's details as the gateway answers them."""
        first = trading_date(now)
        return {
            "marketName": self.root,
            "minTick": f"{TICK}",
            "orderTypes": ORDER_TYPES,
            "validExchanges": "CME,QBALGO",
            "priceMagnifier": 1,
            "underConId": UNDERLYING_ID,
            "longName": NAMES[self.root],
            "contractMonth": f"{self.expiry:%Y%m}",
            "timeZoneId": "US/Central",
            "tradingHours": hours.trading_text(first),
            "liquidHours": hours.regular_text(first),
            "aggGroup": 2147483647,
            "underSymbol": self.root,
            "underSecType": "IND",
            "marketRuleIds": f"{MARKET_RULE},{MARKET_RULE}",
            "realExpirationDate": f"{self.expiry:%Y%m%d}",
            "minSize": "1",
            "sizeIncrement": "1",
            "suggestedSizeIncrement": "1",
        }

    def answers(self, query: Body) -> bool:
        """Return whether a client that asks for the contract `query` means this one."""
        if con_id := query.get("conId"):
            return bool(con_id == self.con_id)
        mine = self.contract()
        month = query.get("lastTradeDateOrContractMonth", "")
        return (
            query.get("secType", "FUT") in ("FUT", "")
            and query.get("exchange", "") in ("", "CME", "QBALGO", "SMART")
            and all(
                query.get(name, "") in ("", mine[name])
                for name in ("symbol", "localSymbol", "tradingClass", "currency")
            )
            and bool(query.get("symbol") or query.get("localSymbol"))
            and f"{self.expiry:%Y%m%d}".startswith(month.split(" ")[0].split("-")[0])
        )


class FutureListing:
    """The contracts that are listed at a time."""

    def __init__(self, now: float, *, expiries: int = 3, two_digit_years: bool = False) -> None:
        self._futures = [
            _future(root, day, two_digit_years)
            for root in MULTIPLIERS
            for day in _third_fridays(now, expiries)
        ]

    def all(self) -> list[ListedFuture]:
        """Return every contract, nearest expiry first by root."""
        return list(self._futures)

    def find(self, query: Body) -> list[ListedFuture]:
        """Return the contracts that a client's description fits."""
        return [one for one in self._futures if one.answers(query)]

    def by_id(self, con_id: int) -> ListedFuture:
        """Return the contract `con_id`. Raises `KeyError` if it is not listed."""
        for one in self._futures:
            if one.con_id == con_id:
                return one
        raise KeyError(con_id)

    def named(self, local_symbol: str) -> ListedFuture:
        """Return the contract `MESZ6`. Raises `KeyError` if it is not listed."""
        for one in self._futures:
            if one.local_symbol == local_symbol:
                return one
        raise KeyError(f"{local_symbol!r} is not listed, only {self.symbols()}")

    def symbols(self) -> list[str]:
        """Return the local symbols of all contracts, nearest expiry first by root."""
        return [one.local_symbol for one in self._futures]


def _third_fridays(now: float, count: int) -> list[date]:
    found: list[date] = []
    month = datetime.fromtimestamp(now, CHICAGO).date().replace(day=1)
    while len(found) < count:
        if month.month in MONTH_CODES:
            day = month + timedelta((4 - month.weekday()) % 7 + 14)
            if _last_trade(day).timestamp() > now:
                found.append(day)
        month = (month + timedelta(32)).replace(day=1)
    return found


def _last_trade(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 8, 30, tzinfo=CHICAGO)


def _future(root: str, day: date, two_digit_years: bool) -> ListedFuture:
    year = f"{day:%y}" if two_digit_years else f"{day:%y}"[-1]
    symbol = f"{root}{MONTH_CODES[day.month]}{year}"
    con_id = 600_000_000 + zlib.crc32(f"{root}{day}".encode()) % 100_000_000
    return ListedFuture(root, con_id, symbol, _last_trade(day))
