"""Controllers: what the cluster does by itself. Each is a pure function from the state to actions.

`model.py` has the vocabulary, `queue.py` the work queue, `all.py` the list of controllers; the loop that applies
actions is in `lateen.adapters.controller_loop`.
"""
