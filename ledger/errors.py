"""The error tree every room raises from.

    LedgerlakeError
    ├── IncorrectInput     the caller gave something that breaks a stated rule
    ├── NotSupported       right in itself, but not something this version does
    └── InternalFault      our own state is broken; recovery is named in the message

Does not hold exit codes; the command line maps the families to them.
"""


class LedgerlakeError(Exception):
    """An error that says what failed, for which thing, and what to do next.

    `rule` is the name of the broken rule in snake_case; the text reads
    `<thing>: expected <expected>, found <found>. <remedy>`.
    """

    def __init__(
        self, rule: str, *, thing: str, expected: str, found: str, remedy: str = ""
    ) -> None:
        self.rule = rule
        self.thing = thing
        self.expected = expected
        self.found = found
        self.remedy = remedy
        text = f"{thing}: expected {expected}, found {found}."
        super().__init__(f"{text} {remedy}".rstrip())


class IncorrectInput(LedgerlakeError):
    """What was given breaks a rule; giving it again unchanged fails again."""


class NotSupported(LedgerlakeError):
    """A valid wish this version does not fulfil."""


class InternalFault(LedgerlakeError):
    """The lake or a derived state is not as its own rules demand."""
