"""For the notebooks: guesses that are held against answers, exercises that are checked, a board.

- `predict`: write a guess down, run the cell that answers, see both side by side.
- `board`: the reader's own results beside those of the kit, in a file of the reader's.
- `check`: say what is wrong with a reader's function, in order, without giving it away.
"""

from glasskit.course import check
from glasskit.course.board import Board
from glasskit.course.predict import Guess, predict

__all__ = ["Board", "Guess", "check", "predict"]
