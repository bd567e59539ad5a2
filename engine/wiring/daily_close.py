"""What ends a daily run: books against gateways, and the day in figures."""

from __future__ import annotations

from datetime import date

from engine.api.protocol import Reply
from engine.api.trading_protocol import ReconciliationRow
from engine.errors import StoreError
from engine.portfolio.report.text import summary
from engine.text import clean
from engine.whole_file import whole_file
from engine.wiring.daily_context import Context, Outcome, StepFailed
from engine.wiring.daily_orders import look_again
from engine.wiring.day_report import day_report
from engine.wiring.report_files import FOLDER, FORMATS

COMPARE_S = 60.0
AGAIN_S = 2.0


def reconcile(context: Context) -> Outcome:
    """Compare the desk's books with each gateway's now. Raises StepFailed where they differ, or one cannot
    be compared, however often within ``daily.fill_s``: one bad answer ends no run."""
    if context.run.dry:
        return Outcome(f"as compared last: {'; '.join(map(_told, _rows(context))) or 'nothing yet'}")
    deadline = context.deadline(context.config.daily.fill_s)
    while True:
        reply = context.desk.ask("POST", "/v1/reconcile", Reply, timeout_s=COMPARE_S)
        if not reply.ok:
            raise StepFailed(
                reply.text, "`tickdesk account` tells what differs; once that is settled, start it again"
            )
        failed = [row for row in _rows(context) if row.error or not row.ns]
        if not failed:
            break
        why = f"not compared: {'; '.join(map(_told, failed))}"
        if context.clock() >= deadline:
            raise StepFailed(
                why, "`tickdesk doctor` tells how the gateway is reached; once it answers, start it again"
            )
        context.progress("reconcile", f"{why}; asked again")
        context.sleep(AGAIN_S)
    if context.run.kind == "daily":
        look_again(context)
    return Outcome(reply.text)


def _rows(context: Context) -> tuple[ReconciliationRow, ...]:
    return context.desk.ask("GET", "/v1/reconciliation", tuple[ReconciliationRow, ...])


def _told(row: ReconciliationRow) -> str:
    how = row.error or (f"{len(row.drifts)} differences" if row.ns else "not compared yet")
    return f"{row.gateway}: {how}"


def report(context: Context) -> Outcome:
    """The day so far, as figures and, unless it is a dry run, as files."""
    day = date.fromisoformat(context.run.day)
    try:
        found = day_report(context.state_dir, day, context.config.account, context.clock())
    except StoreError as error:
        raise StepFailed(str(error), context.again("report")) from None
    lines = [clean(f"{label}: {value}", 200) for label, value in summary(found)]
    text = f"{lines[0]}; {lines[1]}"
    if context.run.dry:
        return Outcome(text, product={"lines": lines})
    # Not under the name of the whole day's report, which is made when the day is over.
    path = context.state_dir / FOLDER / f"{day.isoformat()}-{context.run.kind}.html"
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        for suffix, form in ((".json", "json"), (".html", "html")):
            with whole_file(path.with_suffix(suffix)) as file:
                file.write(FORMATS[form](found))
    except OSError as error:
        raise StepFailed(
            f"cannot write {path}: {error.strerror}", "free space, then start it again"
        ) from error
    return Outcome(f"{text}; {FOLDER}/{path.name}", product={"lines": lines})
