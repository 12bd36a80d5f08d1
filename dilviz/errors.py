"""The two ways in which what a person asked for cannot be done. Anything else that is raised is a bug of ours."""


class InputError(ValueError):
    """Bad input: one sentence that names the thing, its value and the mend. The command exits with 2."""


class MissingExtra(ImportError):
    """A package or back end that is not installed; the sentence names it. The command exits with 3."""
