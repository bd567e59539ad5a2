"""The desk's model and its shadow: what the registry says, loaded in a child and swapped between two batches.

Whatever fails leaves the model at work as it was, and the registry too: a model is loaded and tried first,
then the registry is changed in one transaction, then one reference is exchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from engine.config.load import traded
from engine.errors import ModelError
from engine.events import NS
from engine.models.builtin import ensure_builtin
from engine.models.predictor import Predictor
from engine.models.registry import Entry, Registry, Roles
from engine.models.registry_history import DESK as DESK
from engine.wiring.desk import Desk
from engine.wiring.first_model import first_model
from engine.wiring.kept import forget
from engine.wiring.learnt_from import elsewhere
from engine.wiring.loaded_models import LoadedModels
from engine.wiring.model_reserve import Reserve
from engine.wiring.model_watch import TRACKS
from engine.wiring.owed_falls import OwedFalls
from engine.wiring.scoring import Fall

log = logging.getLogger("engine.models")

STRATEGY = "model"
_DAY_NS = 86_400 * NS

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class ModelSlot:
    """Everything raises ModelError, one line, and then nothing has changed."""

    def __init__(
        self,
        state_dir: Path,
        desk: Desk,
        *,
        keep: Callable[[str, object], None] = forget,
        spawn: Spawn | None = None,
        live: bool = True,
    ) -> None:
        """``keep``: takes a setting. ``spawn`` runs work beside the desk; None: the registry is not changed
        when the desk goes back by itself (a tape). Not ``live``: models are dated as in a replay."""
        self._state_dir = state_dir
        self._desk = desk
        self.scoring = desk.signals.scoring
        self._keep = keep
        self._spawn = spawn
        self._models = LoadedModels(desk, live=live)
        self._registry: Registry | None = None
        self._busy = asyncio.Lock()
        self._reserve = Reserve(self.scoring, self._models)
        self._owed = OwedFalls(STRATEGY, told=spawn is not None)
        self._ran: set[str] = set()
        """Of which the registry knows that they ran here."""
        self.error = ""
        """Why the last reload kept the old model; "" when it did not."""
        self.rollback_note = ""
        """What the desk rolled back by itself last, and why, one line; till somebody decides otherwise."""
        self.running_ns = 0
        """Since when the model at work is."""
        self.swap_ns = 0
        """How long the last exchange of the active model took."""
        self.scoring.fallback = self._reserve.take
        self.scoring.on_fall = self._on_fall

    @property
    def registry(self) -> Registry:
        if self._registry is None:
            raise ModelError(self.error or "the model registry is not open yet: try again in a moment")
        return self._registry

    @property
    def loading(self) -> bool:
        return self._busy.locked() or (self._registry is None and not self.error)

    @property
    def ready_version(self) -> str:
        """Of the last good model that is loaded; "": none is."""
        return self._reserve.version

    def next_ns(self, model: Predictor) -> int:
        """When it predicts next, given enough bars."""
        every_ns = self.scoring.every_ns(model)
        return (self._desk.now_ns // every_ns + 1) * every_ns

    # --- the start and the end ---

    async def start(self, settings: Mapping[str, Any] | None = None) -> None:
        """Open the registry, put the shipped model in when it is empty, and load what has a role."""
        if settings is not None and TRACKS in settings:
            try:
                self.scoring.watch.take_up(settings[TRACKS])
            except ValueError as error:  # msgspec's errors are
                log.warning("setting %s is not taken up: %s", TRACKS, error)
        try:
            self._registry = await asyncio.to_thread(self._open)
            roles = await self._roles()
        except ModelError as error:
            self._fail(error)
            return
        async with self._busy:
            if roles.active is None:
                self._fail(ModelError("no model is active: `tickdesk train` makes one"))
            elif await self._begin(roles.active):
                roles = await self._roles()
            await self._reserve.follow(roles)

    async def _begin(self, active: Entry) -> bool:
        """Whether the registry went back from ``active``."""
        try:
            first = await first_model(self.registry, self._models, active, write=self._spawn is not None)
        except ModelError as error:
            self._fail(error)
            self._desk.alert("error", "model", f"{self._stays()}: {error}")
            return False
        self._put_to_work(first.entry, first.predictor, first.dated_ns, anew=False)
        if first.note:
            self.rollback_note = first.note
            log.error("%s", first.note)
            self._desk.alert("error", "model", first.note)
        return bool(first.note)

    def _open(self) -> Registry:
        registry = Registry(self._state_dir)
        ensure_builtin(registry)
        return registry

    def keep_tracks(self) -> None:
        """Keep how the models did, for the next run."""
        self._keep(TRACKS, self.scoring.watch.kept())

    def close(self) -> None:
        """The desk ends: no model speaks any more."""
        self.keep_tracks()
        self.scoring.set_active(None)
        self.scoring.set_shadow(None)
        self._reserve.take()
        self._models.close()

    # --- what a person or a schedule asks for ---

    async def reload(self) -> str:
        """Load the registry's active model anew; returns what happened, one line."""
        async with self._busy:
            await self._owed.settle(self.registry)
            roles = await self._roles()
            if roles.active is None:
                raise ModelError("no model is active: `tickdesk models activate VERSION` makes one")
            before = self.scoring.active
            try:
                predictor = await self._swap_to(roles.active, reload=True)
            except ModelError as error:
                raise ModelError(f"{error}; {self._stays()}") from None
            await self._reserve.follow(roles)
            same = before is not None and before.version == predictor.version
            return f"model {predictor.version} {'loaded again' if same else 'loaded'} ({predictor.metric})"

    async def activate(self, version: str, who: str, reason: str = "") -> str:
        """Load and try a model, make it active in the registry, put it to work; one line."""
        async with self._busy:
            await self._owed.settle(self.registry)
            entry = await asyncio.to_thread(self.registry.get, version)
            if entry.strategy != STRATEGY:
                raise ModelError(f"model {entry.version} is of strategy {entry.strategy}, not of {STRATEGY}")
            await self._change(entry, partial(self.registry.activate, entry.version, who=who, reason=reason))
            self.rollback_note = ""  # also where it is the one that the desk went back to
            return f"model {entry.version} is active ({entry.metric})"

    async def rollback(self, who: str, reason: str = "") -> str:
        """Go back to the model that was active before; one line."""
        async with self._busy:
            await self._owed.settle(self.registry)
            entry = (await self._roles()).last_good
            if entry is None:
                raise ModelError("there is no earlier model to go back to")
            entry = await self._change(entry, partial(self._go_back, entry.version, who, reason))
            return f"back to model {entry.version} ({entry.metric})"

    def _go_back(self, version: str, who: str, reason: str) -> Entry:
        active = self.registry.active(STRATEGY)
        if active is not None and active.version == version:
            return active  # the desk was faster, by itself
        return self.registry.rollback(STRATEGY, who=who, reason=reason)

    async def deactivate(self, who: str, reason: str = "") -> str:
        """Go on without a model; one line."""
        async with self._busy:
            await self._owed.settle(self.registry)
            leave = partial(self.registry.deactivate, STRATEGY, who=who, reason=reason)
            left = await asyncio.to_thread(leave)
            self._without()
            await self._follow_change(at_once=True)
            return f"model {left.version} is off: the strategy goes on without a model"

    async def set_shadow(self, version: str, who: str, reason: str = "") -> str:
        """Let a model run beside the active one, "": none any more; one line."""
        async with self._busy:
            await self._owed.settle(self.registry)
            registry, found = self.registry, None
            if version:
                entry = await asyncio.to_thread(registry.get, version)
                found = await self._models.get(entry)
                version = entry.version
            try:
                await asyncio.to_thread(
                    partial(registry.set_shadow, version or None, STRATEGY, who=who, reason=reason)
                )
            except ModelError:
                if found is not None:
                    self._models.refuse(found[0])
                raise
            self._reserve.shadow(found)
            return f"model {version} runs as shadow from now on" if found else "no shadow runs any more"

    async def _change(self, entry: Entry, change: Callable[[], Entry]) -> Entry:
        """Load ``entry``, let ``change`` write it down, put it to work."""
        found = await self._models.get(entry)
        try:
            await self._owed.settle(self.registry)  # the desk may have gone back meanwhile
            now = await asyncio.to_thread(change)
            if now.version != entry.version:  # one whose files are damaged by now was passed over
                self._models.refuse(found[0])
                found = await self._models.get(now)
        except ModelError:
            self._models.refuse(found[0])
            raise
        self._put_to_work(now, *found)
        await self._follow_change()
        return now

    async def _follow_change(self, *, at_once: bool = False) -> None:
        """What stands beside the active model now: that one is exchanged already, so what fails here is no
        answer to who asked. The poll does it again."""
        try:
            roles = await self._roles()
        except ModelError as error:
            log.error("the shadow and the last good model are not known: %s", error)
            return
        await self._reserve.follow_shadow(roles)
        if at_once or self._spawn is None:
            await self._reserve.follow_last_good(roles)
        else:
            self._spawn(self._fetch_last_good())  # who asked need not wait for it

    async def _fetch_last_good(self) -> None:
        try:
            async with self._busy:
                await self._reserve.follow_last_good(await self._roles())
        except ModelError as error:
            log.error("the last good model is not known: %s", error)

    # --- what the registry says ---

    async def follow(self) -> None:
        """Take up what another process changed in the registry."""
        async with self._busy:
            await self._owed.settle(self.registry)
            roles = await self._roles()
            loaded = self.scoring.active
            if self._owed:
                pass  # the registry's active model is the one that the desk went back from
            elif roles.active is None:
                if loaded is not None:
                    self._without()
                    log.info("model deactivated", extra={"fields": {"version": loaded.version}})
            elif loaded is None or loaded.version != roles.active.version:
                with contextlib.suppress(ModelError):  # logged and kept, and tried again
                    await self._swap_to(roles.active)
            await self._reserve.follow(roles)

    async def _roles(self) -> Roles:
        return await asyncio.to_thread(self.registry.roles, STRATEGY)

    async def _swap_to(self, entry: Entry, *, reload: bool = False, anew: bool = True) -> Predictor:
        fallen = len(self._owed)
        try:
            predictor, dated = await self._models.get(entry, anew=reload)
            if self._owed.since(fallen, entry.version):
                self._models.refuse(predictor)
                raise ModelError(f"model {entry.version} was rolled back while it was loaded again")
        except ModelError as error:
            raise self._fail(error) from None
        active = self.scoring.active
        same = active is not None and active.version == predictor.version
        self._put_to_work(entry, predictor, dated, anew=anew and not same)
        return predictor

    # --- the exchange ---

    def _put_to_work(self, entry: Entry, predictor: Predictor, dated: int, *, anew: bool = True) -> None:
        began_ns = time.perf_counter_ns()
        before = self.scoring.active
        if before is None or before.version != predictor.version:
            self.running_ns = self._desk.now_ns
        if entry.activated_ns != self._owed.activated_ns:
            self.rollback_note = ""  # whoever decided it knows
        if self._reserve.version == predictor.version:
            self._reserve.take()
        # Until it is known to which one the desk would go back.
        self._reserve.hold(self.scoring.active, self._reserve.ready, predictor)
        self.scoring.set_active(predictor, dated, anew=anew)
        self.swap_ns = time.perf_counter_ns() - began_ns
        self._models.take(predictor, dated)
        self._owed.activated_ns, self.error = entry.activated_ns, ""
        self._owed.forget()
        if self._spawn is not None and predictor.version not in self._ran:
            self._spawn(self._tell_ran(predictor.version))
        log.info("model loaded", extra={"fields": {"version": predictor.version}})
        self._tell_old(predictor.version, dated)
        self._tell_strange(predictor)

    async def _tell_ran(self, version: str) -> None:
        """A rollback goes to what ran here rather than to what was active in the registry alone."""
        try:
            await asyncio.to_thread(self.registry.ran, version)
            self._ran.add(version)
        except ModelError as error:  # told again when it is put to work again
            log.warning("the registry does not know that model %s ran here: %s", version, error)

    def _without(self) -> None:
        self._reserve.hold(self.scoring.active, self._reserve.ready)
        self.scoring.set_active(None)
        self._owed.forget()
        self.error = self.rollback_note = ""

    def _tell_old(self, version: str, dated: int) -> None:
        limit_ns = self._desk.trading.gate.book.limits.model_age_ns
        age_ns = self._desk.now_ns - dated
        if limit_ns and age_ns > limit_ns:
            days = age_ns / _DAY_NS
            text = f"{version} is {days:.0f} days old, beyond max_model_age_s: its entries are denied"
            self._desk.alert("warning", "model", f"{text}; `tickdesk train` makes a new one")

    def _tell_strange(self, predictor: Predictor) -> None:
        why = elsewhere(predictor.manifest.symbols, traded(self._desk.config))
        if why:
            text = f"{predictor.version}: {why}: what it says of them means nothing"
            self._desk.alert("warning", "model", f"{text}; `tickdesk train` makes one of their bars")

    # --- the desk went back by itself ---

    def _on_fall(self, fall: Fall) -> None:
        where = f"back to {fall.to}" if fall.to else "the strategy goes on without a model"
        self.rollback_note = f"model {fall.version} was rolled back, {where}: {fall.reason}"
        self.running_ns = fall.ns
        log.error("%s", self.rollback_note)
        self._desk.alert("error", "model", self.rollback_note)
        self.scoring.dated_ns = self._models.dated_ns(fall.to)
        self._owed.add(fall)
        if self._spawn is not None:
            self._spawn(self._tell_registry())

    async def _tell_registry(self) -> None:
        try:
            await self.follow()
        except ModelError as error:  # the poll tries again
            log.error("the registry does not know of the rollback yet: %s", error)

    def _fail(self, error: ModelError) -> ModelError:
        self.error = str(error)
        log.error("model not loaded, %s: %s", self._stays(), error)
        return error

    def _stays(self) -> str:
        active = self.scoring.active
        return "the strategy goes on without a model" if active is None else f"{active.version} stays at work"
