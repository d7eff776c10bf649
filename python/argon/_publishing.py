"""How a branch is written to a live MongoDB; :mod:`argon._publish` has what comes back."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, cast, overload

from ._moments import Moment, moment_text
from ._options import without_none

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ._branch import Branch
    from ._publish import Guard, PublishPlan, PublishResult
    from ._scope import Scope

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


class PublishOptions(TypedDict, total=False):
    """The options that :meth:`Branch.publish` and :meth:`Branch.restore_to` share."""

    base: str | Branch | None
    database: str | None
    collections: Sequence[str] | None
    filter: Mapping[str, Any] | None
    guard: Guard
    allow_drop: bool
    skip_conflicts: bool
    limit: int | None
    progress: bool | None


_DEFAULTS: PublishOptions = {
    "base": None,
    "database": None,
    "collections": None,
    "filter": None,
    "guard": "fields",
    "allow_drop": False,
    "skip_conflicts": False,
    "limit": None,
    "progress": None,
}


def _with_defaults(method: MethodT) -> MethodT:
    """Take the options and no others, with their defaults, and let help() list them:
    their types and defaults stand above, and not once more in each signature."""
    signature = inspect.signature(method)
    shown = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
    for name, default in _DEFAULTS.items():
        annotation = PublishOptions.__annotations__[name].__forward_arg__
        shown.append(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
            )
        )
    spelled_out = signature.replace(parameters=shown)

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        spelled_out.bind(*args, **kwargs)  # raises the TypeError that Python would
        return method(*args, **{**_DEFAULTS, **kwargs})

    call.__signature__ = spelled_out  # type: ignore[attr-defined]
    return cast(MethodT, call)


class Publishing:
    """The methods of a branch that write to a live MongoDB."""

    _scope: Scope

    def _ref_of(self, other: str | Branch) -> str:
        raise NotImplementedError

    @overload
    def publish(
        self, uri: str, *, dry_run: Literal[True], **options: Unpack[PublishOptions]
    ) -> PublishPlan: ...

    @overload
    def publish(
        self, uri: str, *, dry_run: Literal[False] = False, **options: Unpack[PublishOptions]
    ) -> PublishResult: ...

    @_with_defaults
    def publish(
        self, uri: str, *, dry_run: bool = False, **options: Unpack[PublishOptions]
    ) -> PublishPlan | PublishResult:
        """Write what this branch changed against a base to a live MongoDB.

        ``base`` is what the live MongoDB had when the work began: a ref such as
        ``"main@1024"``; where the branch was made, if it is left out. Each write
        demands that the live document is still as the base had it: the fields
        that it touches, or with ``guard="document"`` all of it. Where it has
        moved on, that is a conflict, and never overwritten: nothing is written
        and :class:`~argon.PublishConflict` is raised, or with
        ``skip_conflicts=True`` the rest is written. ``dry_run=True`` returns the
        plan, with an ``apply()``; otherwise the result has a ``rollback()``.
        """
        from ._publish import plan_publish, run_publish

        fields = self._publish_fields(options)
        command = {"argonPublish": uri, **fields}
        if dry_run:
            return plan_publish(self._scope, command, {"argonPublishPlan": uri, **fields})
        return run_publish(self._scope, command, "publish", options["progress"])

    @overload
    def restore_to(
        self, uri: str, at: Moment, *, dry_run: Literal[True], **options: Unpack[PublishOptions]
    ) -> PublishPlan: ...

    @overload
    def restore_to(
        self,
        uri: str,
        at: Moment,
        *,
        dry_run: Literal[False] = False,
        **options: Unpack[PublishOptions],
    ) -> PublishResult: ...

    @_with_defaults
    def restore_to(
        self, uri: str, at: Moment, *, dry_run: bool = False, **options: Unpack[PublishOptions]
    ) -> PublishPlan | PublishResult:
        """Bring a live MongoDB back to a past moment of this branch.

        The live documents have to be what this branch has at its head (of a
        mirror: what it saw last), or what ``base`` says. ``collections`` and
        ``filter`` choose what is brought back. A dropped collection is made
        again, with its options and indexes. Plan, conflicts, and rollback are
        those of :meth:`publish`.
        """
        from ._publish import plan_publish, run_publish

        command = {
            "argonRestoreTo": uri,
            "at": moment_text(at),
            **self._publish_fields(options),
        }
        if dry_run:
            return plan_publish(self._scope, command, {**command, "dryRun": True})
        return run_publish(self._scope, command, "restore", options["progress"])

    def _publish_fields(self, options: PublishOptions) -> dict[str, Any]:
        base, collections = options["base"], options["collections"]
        if isinstance(collections, str):
            raise TypeError("collections is a list of names, not one name")
        return without_none(
            {
                "base": None if base is None else self._ref_of(base),
                "database": options["database"],
                "collections": None if collections is None else list(collections),
                "filter": options["filter"],
                "guard": options["guard"],
                "allowDrop": options["allow_drop"] or None,
                "skipConflicts": options["skip_conflicts"] or None,
                "limit": options["limit"],
            }
        )
