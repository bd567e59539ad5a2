"""The console's end of the link: one WebSocket for what happens, short requests for commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec
from yarl import URL

from console.alert_link import AlertRequests
from console.link_protocol import LinkState, NoAnswerError
from engine import nan_json
from engine.api.control_protocol import HEADER, Access, Console, ControlPatch
from engine.api.market_protocol import LatencyDetail, Watch
from engine.api.model_protocol import (
    Contributions,
    ModelDetail,
    ModelsDetail,
    TrainingOrder,
    TrainingRow,
)
from engine.api.playback_protocol import PlaybackPatch
from engine.api.protocol import (
    VERSION,
    AutomationPatch,
    ErrorReply,
    EventFrame,
    Explanation,
    QuarantineRow,
    Reply,
    Resync,
    RiskPatch,
    SignalStatistics,
    StateFrame,
    StrategyDetail,
    StrategyPatch,
    StreamMessage,
    SymbolDataRow,
    SymbolSignals,
    WeightsPatch,
)
from engine.api.trading_protocol import (
    AccountDetail,
    AmendPatch,
    CancelPatch,
    EquityCurve,
    FlattenPatch,
    LimitPatch,
    LimitRow,
    OrderPreview,
    OrderReply,
    OrderTicket,
    Performance,
    ReconciliationRow,
)
from engine.config import BlendWeights
from engine.errors import LinkError
from engine.text import clean

_T = TypeVar("_T")

RISK_S = 3.0
"""A person who halts must soon know whether it was heard."""
FLATTEN_S = 60.0
"""The market is given its time to take the positions."""
MODEL_S = 60.0
"""A model is loaded and tried in a process of its own, which on a busy machine has to start first."""
RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0)
SILENCE_S = 5.0
"""The engine sends a frame at least every two seconds: this long without one, it hangs or the line is cut."""

ANEW_S = 60.0
"""A desk that said that it begins anew is waited for so long, before it counts as gone."""
ANEW = "the desk begins anew from the tape's start"

CLOSE_S = 0.5
"""How long a hanging engine may take to answer that we close the line."""


class _OtherVersionError(Exception):
    pass


class UnixLink(AlertRequests):
    """Implements ``console.link_protocol.Link`` over the engine's Unix socket; reconnects by itself."""

    def __init__(self, socket: Path, console: Console | None = None) -> None:
        """``console``: how this console names itself; None: it is none, as a test or a script."""
        self._socket = socket
        self._console = console
        self._decoder: msgspec.json.Decoder[StreamMessage] = msgspec.json.Decoder(StreamMessage)
        self._last_seq: int | None = None
        self._was_up = False
        self._failures = 0
        """Since the link was up."""
        self._session: aiohttp.ClientSession | None = None
        self._stream: aiohttp.ClientWebSocketResponse | None = None
        self._watched = Watch()
        self._anew_until = 0.0
        """Of the loop's time: until then, that nobody listens means that the desk begins anew."""
        self.bytes_received = 0

    async def run(
        self, on_message: Callable[[StreamMessage], None], on_state: Callable[[LinkState, str], None]
    ) -> None:
        """Deliver messages until cancelled, resuming events after the last one seen.

        Raises LinkError for an engine that speaks another version from the start: trying again cannot help.
        When one comes back that does, what was shown stays, and it is said.
        """
        on_state(LinkState.CONNECTING, "")
        try:
            while True:
                try:
                    async with self._open().ws_connect(
                        self._stream_url(), max_msg_size=0, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_S)
                    ) as stream:
                        self._anew_until = 0.0
                        await self._say_what_is_watched(stream)
                        try:
                            await self._read(stream, on_message, on_state)
                        except asyncio.CancelledError:
                            # Without this, the engine would keep our seat for a while: we may come back.
                            await stream.close(code=aiohttp.WSCloseCode.GOING_AWAY)
                            raise
                    on_state(LinkState.LOST, self._why_closed(stream))
                except TimeoutError:
                    on_state(LinkState.LOST, f"nothing from the engine for {SILENCE_S:.0f} s")
                except (msgspec.MsgspecError, _OtherVersionError) as error:
                    if not self._was_up:
                        raise LinkError(
                            f"what the engine sends is not understood ({clean(error, 80)}): versions differ; "
                            "restart the engine: `tickdesk stop`, then `tickdesk`"
                        ) from None
                    self._failures = len(RETRY_S)
                    why = "the engine that came back speaks another version: q leaves, `tickdesk` starts ours"
                    on_state(LinkState.LOST, why)
                except (aiohttp.ClientError, OSError) as error:
                    if _nobody_listens(error) and asyncio.get_running_loop().time() < self._anew_until:
                        on_state(LinkState.LOST, ANEW)
                    elif _nobody_listens(error):
                        on_state(LinkState.ENGINE_GONE, "no engine runs: q leaves, `tickdesk` starts one")
                    else:
                        on_state(LinkState.LOST, clean(error, 80))
                await asyncio.sleep(RETRY_S[min(self._failures, len(RETRY_S) - 1)])
                self._failures += 1
        finally:
            await self.close()

    def _why_closed(self, stream: aiohttp.ClientWebSocketResponse) -> str:
        if stream.close_code != aiohttp.WSCloseCode.SERVICE_RESTART:
            return "the engine closed the link"
        # Its events are numbered from the start again.
        self._last_seq, self._anew_until = None, asyncio.get_running_loop().time() + ANEW_S
        return ANEW

    async def close(self) -> None:
        if self._session is not None:
            with contextlib.suppress(Exception):
                await self._session.close()
            self._session = None

    @property
    def console(self) -> Console | None:
        return self._console

    async def take_control(self) -> Reply:
        patch = ControlPatch("take")
        return await self._request("POST", "/v1/control", Reply, patch, timeout_s=RISK_S)

    async def give_control(self) -> Reply:
        patch = ControlPatch("give")
        return await self._request("POST", "/v1/control", Reply, patch, timeout_s=RISK_S)

    async def watch(self, watch: Watch) -> None:
        self._watched = watch
        stream = self._stream
        if stream is not None and not stream.closed:
            with contextlib.suppress(ConnectionError):  # the stream's reader says that the line is cut
                await stream.send_bytes(msgspec.json.encode(watch))

    async def _say_what_is_watched(self, stream: aiohttp.ClientWebSocketResponse) -> None:
        self._stream = stream
        if self._watched.symbol:
            await self.watch(self._watched)

    async def latency(self) -> LatencyDetail:
        return await self._request("GET", "/v1/latency", LatencyDetail)

    async def strategy(self, name: str) -> StrategyDetail:
        return await self._request("GET", f"/v1/strategies/{_quoted(name)}", StrategyDetail)

    async def set_strategy(self, name: str, patch: StrategyPatch) -> Reply:
        return await self._request("POST", f"/v1/strategies/{_quoted(name)}", Reply, patch)

    async def reload_strategies(self) -> Reply:
        return await self._request("POST", "/v1/strategies/reload", Reply, timeout_s=60.0)

    async def weights(self) -> BlendWeights:
        return await self._request("GET", "/v1/weights", BlendWeights)

    async def set_weights(self, patch: WeightsPatch) -> Reply:
        return await self._request("POST", "/v1/weights", Reply, patch)

    async def signals(self, symbol: str) -> SymbolSignals:
        return await self._request("GET", f"/v1/signals/{_quoted(symbol)}", SymbolSignals)

    async def automation(self, name: str) -> Any:
        # The engine keeps the text as it was put, and answers with it.
        return await self._request("GET", f"/v1/automations/{_quoted(name)}", object)

    async def automation_statistics(self) -> list[SignalStatistics]:
        return await self._request("GET", "/v1/automations/statistics", list[SignalStatistics])

    async def set_automation(self, name: str, active: bool) -> Reply:
        patch = AutomationPatch(active=active)
        return await self._request("POST", f"/v1/automations/{_quoted(name)}", Reply, patch)

    async def models(self) -> ModelsDetail:
        return await self._request("GET", "/v1/models", ModelsDetail)

    async def model(self, version: str) -> ModelDetail:
        path = f"/v1/models/{_quoted(version)}" if version else "/v1/model/info"
        return await self._request("GET", path, ModelDetail)

    async def activate_model(self, version: str) -> Reply:
        return await self._change_model("POST", f"/v1/models/{_quoted(version)}/activate")

    async def shadow_model(self, version: str) -> Reply:
        if not version:
            return await self._change_model("DELETE", "/v1/models/shadow")
        return await self._change_model("POST", f"/v1/models/{_quoted(version)}/shadow")

    async def reload_model(self) -> Reply:
        return await self._change_model("POST", "/v1/model/reload")

    async def roll_back_model(self) -> Reply:
        return await self._change_model("POST", "/v1/model/rollback")

    async def deactivate_model(self) -> Reply:
        return await self._change_model("POST", "/v1/model/deactivate")

    async def _change_model(self, method: str, path: str) -> Reply:
        return await self._request(method, path, Reply, timeout_s=MODEL_S)

    async def contributions(self, symbol: str, ns: int = 0) -> Contributions:
        at = f"?ns={ns}" if ns else ""
        path = f"/v1/model/contributions/{_quoted(symbol)}{at}"
        return await self._request("GET", path, Contributions, timeout_s=MODEL_S)

    async def training(self) -> TrainingRow:
        return await self._request("GET", "/v1/training", TrainingRow)

    async def train(self, order: TrainingOrder) -> Reply:
        return await self._request("POST", "/v1/training", Reply, order)

    async def cancel_training(self) -> Reply:
        return await self._request("DELETE", "/v1/training", Reply)

    async def set_risk(self, state: str, reason: str) -> Reply:
        patch = msgspec.convert({"state": state, "reason": reason}, RiskPatch)
        return await self._request("POST", "/v1/risk", Reply, patch, timeout_s=RISK_S)

    async def place(self, ticket: OrderTicket) -> OrderReply:
        return await self._request("POST", "/v1/orders", OrderReply, ticket)

    async def preview(self, ticket: OrderTicket) -> OrderPreview:
        return await self._request("POST", "/v1/orders/preview", OrderPreview, ticket)

    async def preview_amendment(self, id: str, patch: AmendPatch) -> OrderPreview:
        return await self._request("POST", f"/v1/orders/{_quoted(id)}/preview", OrderPreview, patch)

    async def amend(self, id: str, patch: AmendPatch) -> Reply:
        return await self._request("POST", f"/v1/orders/{_quoted(id)}", Reply, patch)

    async def cancel(self, id: str) -> Reply:
        return await self._request("DELETE", f"/v1/orders/{_quoted(id)}", Reply, timeout_s=RISK_S)

    async def cancel_all(self, symbol: str = "") -> Reply:
        return await self._request("POST", "/v1/orders/cancel", Reply, CancelPatch(symbol))

    async def flatten(self, patch: FlattenPatch | None = None) -> Reply:
        return await self._request("POST", "/v1/flatten", Reply, patch or FlattenPatch(), timeout_s=FLATTEN_S)

    async def kill(self) -> Reply:
        return await self._request("POST", "/v1/kill", Reply, timeout_s=FLATTEN_S)

    async def limits(self) -> list[LimitRow]:
        return await self._request("GET", "/v1/limits", list[LimitRow])

    async def set_limit(self, patch: LimitPatch) -> Reply:
        return await self._request("POST", "/v1/limits", Reply, patch)

    async def account(self) -> AccountDetail:
        return await self._request("GET", "/v1/account", AccountDetail)

    async def performance(self) -> Performance:
        return await self._request("GET", "/v1/performance", Performance)

    async def equity(self, points: int) -> EquityCurve:
        return await self._request("GET", f"/v1/equity?points={points}", EquityCurve)

    async def reconciliation(self) -> list[ReconciliationRow]:
        return await self._request("GET", "/v1/reconciliation", list[ReconciliationRow])

    async def reconcile(self) -> Reply:
        return await self._request("POST", "/v1/reconcile", Reply, timeout_s=30.0)

    async def data(self) -> list[SymbolDataRow]:
        return await self._request("GET", "/v1/data", list[SymbolDataRow])

    async def quarantine(self, limit: int) -> list[QuarantineRow]:
        return await self._request("GET", f"/v1/quarantine?limit={limit}", list[QuarantineRow])

    async def set_playback(self, patch: PlaybackPatch) -> Reply:
        return await self._request("POST", "/v1/playback", Reply, patch)

    async def stop_engine(self) -> Reply:
        return await self._request("POST", "/v1/stop", Reply)

    async def explain(self, id: str) -> Explanation:
        return await self._request("GET", f"/v1/explain/{_quoted(id)}", Explanation)

    @property
    def _headers(self) -> dict[str, str]:
        named = {} if self._console is None else {HEADER: self._console.text}
        return {"X-Tickdesk-Client": "console", **named}

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(self._socket)))
        return self._session

    def _stream_url(self) -> URL:
        query = {} if self._last_seq is None else {"since": str(self._last_seq)}
        if self._console is not None:
            query["console"] = self._console.text
        return URL("http://engine/v1/stream").with_query(query)

    async def _read(
        self,
        stream: aiohttp.ClientWebSocketResponse,
        on_message: Callable[[StreamMessage], None],
        on_state: Callable[[LinkState, str], None],
    ) -> None:
        """Until the engine closes the stream. The link is up with the first state that is understood."""
        up = False
        while True:
            raw = await stream.receive(timeout=SILENCE_S)
            if raw.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
                return
            self.bytes_received += len(raw.data)
            message = self._decode(raw.data)
            if isinstance(message, EventFrame):
                self._last_seq = message.seq
            elif isinstance(message, Resync):
                self._last_seq = None
            elif isinstance(message, StateFrame):
                if message.version != VERSION:
                    raise _OtherVersionError(f"it speaks version {message.version}, this console {VERSION}")
                if not up:
                    up = self._was_up = True
                    self._failures = 0
                    on_state(LinkState.UP, "")
                if self._last_seq is None:
                    self._last_seq = message.last_seq
                self._remember_seat(message.status.controller_id)
            on_message(message)

    def _remember_seat(self, controller_id: str) -> None:
        """To another engine, after a restart, we come back as what we were here."""
        known = self._console
        if known is not None and not known.read_only:
            access: Access = "seat" if controller_id == known.id else "watch"
            if access != known.access:
                self._console = msgspec.structs.replace(known, access=access)

    def _decode(self, data: bytes) -> StreamMessage:
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            # An event with a NaN in it.
            message: StreamMessage = nan_json.decode(data, StreamMessage)  # type: ignore[arg-type]
            return message

    async def _request(
        self, method: str, path: str, reply: type[_T], body: Any = None, *, timeout_s: float = 10.0
    ) -> _T:
        data = None if body is None else msgspec.json.encode(body)
        try:
            async with self._open().request(
                method,
                f"http://engine{path}",
                data=data,
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise LinkError(msgspec.json.decode(content, type=ErrorReply).error)
                return nan_json.decode(content, reply)
        except TimeoutError:
            raise NoAnswerError(f"the engine did not answer within {timeout_s:.0f} s") from None
        except (aiohttp.ClientError, OSError, msgspec.MsgspecError) as error:
            if _nobody_listens(error):
                raise LinkError("NOT SENT: no engine runs, nothing trades; `tickdesk` starts it") from None
            if isinstance(error, aiohttp.ClientConnectorError):
                raise LinkError(f"NOT SENT: {clean(error.os_error, 80)}; try again") from None
            raise NoAnswerError(f"the line was cut before the answer ({clean(error, 60)})") from None


def _quoted(name: str) -> str:
    """As one segment of a path, whatever it holds."""
    return quote(name, safe="")


def _nobody_listens(error: Exception) -> bool:
    """No socket, or the socket that a killed engine left behind."""
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    return isinstance(cause, (FileNotFoundError, ConnectionRefusedError))
