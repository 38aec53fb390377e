"""A writer that fights is named, not fought: what is done about an object that somebody changes back each time."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from serin.api.children import revision_name
from serin.rollout.actions import Action, Apply, Create, Patch
from serin.rollout.contest import LONGEST_PAUSE, LONGEST_WITHOUT_PODS, Contest, Target, writer_of
from serin.rollout.draft import Draft
from serin.rollout.split import carrier_of_traffic, claim_of, wanted_routing
from serin.traffic.providers import PROVIDERS, provider_for, provider_of

CONTESTED = "Contested"
_ROUTES = frozenset(provider.KIND for provider in PROVIDERS.values())
_KINDS = _ROUTES | {"Service", "Deployment"}
_EVENTS = {
    **dict.fromkeys(_ROUTES, "RouteContested"),
    "Service": "ServiceContested",
    "Deployment": "ReplicasContested",
}


def heed_contests(draft: Draft) -> None:
    """Say what is contested, before anything is decided: that stands until it has been as decided for a while."""
    for contest in draft.contests.values():
        if contest.is_on(draft.now):
            draft.block(CONTESTED, contest.words)


def is_contested(draft: Draft) -> bool:
    """Whether somebody fights for anything of this ModelDeployment's: nobody is late then, and nothing is blamed."""
    return any(contest.is_on(draft.now) for contest in draft.contests.values())


def contested_traffic(draft: Draft) -> str | None:
    """What is said of the object that carries the traffic, if it is contested."""
    contest = draft.contests.get(carrier_of_traffic(draft.desired))
    return contest.words if contest is not None and contest.is_on(draft.now) else None


def without_fights(draft: Draft, actions: Iterable[Action]) -> list[Action]:
    """Of the actions those that may be done now: what is undone again and again is written after pauses."""
    kept, written = [], set()
    for action in actions:
        target = target_of(action)
        if target is None:
            kept.append(action)
            continue
        written.add(target)
        if _may_write(draft, target, action):
            kept.append(action)
    for target, contest in tuple(draft.contests.items()):
        if target not in written and contest.undone_at is not None:
            _is_right(draft, target, contest)
    if is_contested(draft):
        draft.waiting = None  # what a fight holds up is not late
    return kept


def target_of(action: Action) -> Target | None:
    """The object that an action writes, if others may write it, too.

    A Deployment that somebody deletes is made again each time: a version without pods has no use for a pause.
    """
    match action:
        case Patch() if action.target.kind in _KINDS:
            return action.target.kind, action.target.name
        case Create() | Apply() if action.object["kind"] in _KINDS - {"Deployment"}:
            return action.object["kind"], action.object["metadata"]["name"]
        case _:
            return None


def fingerprint(action: Action) -> int:
    """What a write makes of an object, as a number: two that are equal make the same of it."""
    match action:
        case Patch():
            writes = [operation for operation in action.operations if operation["op"] != "test"]
            # What stands in the annotation beside the spec is only there the first time.
            return _hash([one for one in writes if one["path"].startswith("/spec")] or writes)
        case Create() | Apply():
            return _hash(action.object["spec"])
        case _:
            raise TypeError(f"{action} writes no state of an object")


def written(contests: Mapping[Target, Contest], action: Action, now: datetime) -> dict[Target, Contest]:
    """The contests after an action was carried out, without those that are to be forgotten."""
    target = target_of(action)
    kept = {key: contest for key, contest in contests.items() if not contest.is_stale(now)}
    if target is not None:
        what = fingerprint(action)
        kept[target] = contests.get(target, Contest(what)).written(what, now)
    return kept


def _may_write(draft: Draft, target: Target, action: Action) -> bool:
    what, now = fingerprint(action), draft.now
    aim = _aim(draft, target, what)
    before = draft.contests.get(target) or Contest(aim, longest_pause=_longest_pause(target))
    contest = before.decided(aim)
    if contest.is_known(what):
        contest = contest.undone(what, now)
        if not before.since:
            contest = _described(draft, target, before, contest)
        if contest.since and not before.since:
            draft.say(_EVENTS[target[0]], contest.words, "Warning")
    draft.contests[target] = contest
    if contest.since:
        draft.block(CONTESTED, contest.words)
    due = contest.due(what)
    if due is None or due <= now:
        return True
    draft.wake(due)
    return False


def _is_right(draft: Draft, target: Target, contest: Contest) -> None:
    """It is as decided: for long enough, or since a moment ago."""
    contest = contest.right(draft.now)
    if contest.is_restless(draft.now):
        if contest.calm_at is not None:
            draft.wake(contest.calm_at)
    else:
        if contest.since:
            draft.say("ContestOver", f"{_name(target)} stays as decided: Serin goes on")
        contest = contest.calmed()
    draft.contests[target] = contest


def _aim(draft: Draft, target: Target, what: int) -> int:
    """What is decided about an object. A route gets there in several writes."""
    if target[0] not in _ROUTES:
        return what
    return hash(repr(wanted_routing(draft.desired, draft.status)))


def _longest_pause(target: Target) -> timedelta:
    return LONGEST_WITHOUT_PODS if target[0] == "Deployment" else LONGEST_PAUSE


def _name(target: Target) -> str:
    return f"the {target[0]} {target[1]}"


def _described(draft: Draft, target: Target, before: Contest, contest: Contest) -> Contest:
    """With who undid it, how, and what to do. On the way back, of several writes, what is seen is our own doing."""
    writer, state = _seen(draft, target) if before.was_right else (before.writer, before.state)
    who = f"the field manager {writer}" if writer else "somebody"
    if contest.since:
        words = (
            f"{_name(target)} is changed back again and again by {who} ({state}), since {contest.since:%H:%M:%S} UTC: "
            f"Serin writes it after pauses only, and waits. {_advice(draft, target, writer or 'that writer')}"
        )
    else:
        words = f"{_name(target)} was changed by {who} ({state}): Serin puts it right and waits whether it stays so"
    return replace(contest, writer=writer, state=state, words=words)


def _seen(draft: Draft, target: Target) -> tuple[str | None, str]:
    """Who wrote an object last, and what it says now."""
    observed, (kind, name) = draft.observed, target
    if kind == "Deployment":
        workloads = {revision_name(draft.desired.owner.name, key): each for key, each in observed.workloads.items()}
        workload = workloads.get(name)
        return (workload.writer, f"replicas: {workload.replicas}") if workload else (None, "deleted")
    if kind == "Service":
        service = observed.user_service
        if service is None or service["metadata"]["name"] != name:
            return None, "deleted"
        return writer_of(service), f"selector: {_pairs(service['spec'].get('selector') or {})}"
    routes = [route for route in (observed.route, *observed.other_routes) if route is not None]
    route = next((each for each in routes if each["metadata"]["name"] == name), None)
    return (writer_of(route), f"weights: {_weights(route)}") if route else (None, "deleted")


def _weights(route: Mapping[str, Any]) -> str:
    return _pairs(dict(provider_for(route).backends(route))) or "none"


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(values.items()))


def _advice(draft: Draft, target: Target, writer: str) -> str:
    kind, _ = target
    if kind == "Deployment":
        return "Aim autoscalers at the ModelDeployment: Serin owns the replicas of its revisions"
    if kind == "Service":
        return f"Take the Service out of what {writer} applies"
    claim = claim_of(draft.desired)
    provider = provider_of(claim.traffic) if claim is not None else None
    if claim is None or provider is None or not provider.is_own(claim):
        field = f", or name a route of your own in spec.{provider.FIELD}" if provider and provider.FIELD else ""
        return f"Take the route out of what {writer} applies{field}"
    return (
        f"Have {writer} leave its weights alone (Argo CD: ignoreDifferences with jqPathExpressions "
        f"['{provider.WEIGHTS}'] and syncOptions [RespectIgnoreDifferences=true]), or let Serin make the route"
    )


def _hash(document: Any) -> int:
    return hash(json.dumps(document, sort_keys=True))
