"""Running the controllers: changes wake keys, keys are reconciled, actions go through the API like anybody's writes.

`state.py` is what controllers see, `actions.py` carries out what they decide, `loop.py` connects the two.
"""

from __future__ import annotations

from lateen.adapters.controller_loop.loop import ControllerLoop
from lateen.adapters.controller_loop.state import LocalApi

__all__ = ["ControllerLoop", "LocalApi"]
