"""What every checker is made of: questions in an order, and the first that is answered wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

Help = str | None
"""What to look at; None where all is right."""

Step = tuple[str, Callable[[], Help]]
"""What is asked, and how."""

OPEN = "not written yet: write the function, and run this cell again"


@dataclass(frozen=True)
class Checked:
    """What a checker found.

    Args:
        exercise: its title.
        passed: what is right, in the order that it was asked.
        wrong: what is wrong first, and the help to it; None: nothing.
    """

    exercise: str
    passed: tuple[str, ...]
    wrong: tuple[str, str] | None

    @property
    def solved(self) -> bool:
        """Whether everything is right."""
        return self.wrong is None

    def __repr__(self) -> str:
        lines = [f"{self.exercise}{': solved' if self.solved else ''}"]
        lines += [f"✓ {name}" for name in self.passed]
        if self.wrong is not None:
            lines.append(f"✗ {': '.join(self.wrong)}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        first, *lines = (escape(line) for line in repr(self).split("\n"))
        return f"<div><b>{first}</b><br>{'<br>'.join(lines)}</div>"


def ask(exercise: str, steps: Iterable[Step]) -> Checked:
    """Ask in order, up to the first that is wrong."""
    passed: list[str] = []
    for name, step in steps:
        try:
            found = step()
        except NotImplementedError:
            found = OPEN
        except Exception as error:  # noqa: BLE001 - a reader's function may raise anything
            found = f"the function raises {type(error).__name__}: {error}"
        if found is not None:
            return Checked(exercise, tuple(passed), (name, found))
        passed.append(name)
    return Checked(exercise, tuple(passed), None)
