"""The two shapes of struct that every kind is made of.

In: field declarations. Out: frozen, comparable values that msgspec reads from plain dicts at C speed.
Rule: Istio's structs know *all* fields of their messages, so an unknown field is a user's mistake and is refused on the
fast path; Kubernetes structs carry only what the mesh and the controllers read, so what they do not know is ignored.
"""

from typing import TYPE_CHECKING, dataclass_transform

import msgspec

if TYPE_CHECKING:
    # msgspec hands its options down to subclasses; type checkers only learn that from defaults of the transform.
    @dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(msgspec.field,))
    class _Frozen(msgspec.Struct, frozen=True):
        pass

    class IstioStruct(_Frozen):
        """As below."""

    class KubeStruct(_Frozen):
        """As below."""

else:

    class IstioStruct(
        msgspec.Struct,
        frozen=True,
        kw_only=True,
        rename="camel",
        forbid_unknown_fields=True,
        omit_defaults=True,
        gc=False,
    ):
        """A message of Istio's API.

        Absent scalars and messages are None, absent lists and maps empty, absent enums their zero value.
        """

    class KubeStruct(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, gc=False):
        """An object, or a part of one, of the Kubernetes API, cut to the fields that somebody here reads."""
