"""What a person may do: each role may do all that the one before it may.

viewer looks, annotator labels, reviewer sees everybody's labels and decides between them, admin does everything.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Role: TypeAlias = Literal["viewer", "annotator", "reviewer", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known by name, with a role."""

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the person may do what `role` may.

        >>> Person("ann", "reviewer").may("annotator"), Person("ann", "reviewer").may("admin")
        (True, False)
        """
        return ROLES.index(self.role) >= ROLES.index(role)
