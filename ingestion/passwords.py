"""Database and web addresses as people may see them: without their passwords.

Holds `without_passwords`. Opens no address. Called by errors that quote a setting.
"""

import re
from typing import Final

_USER_INFO: Final = re.compile(r"((?:://)?[^:/@\s'\"]*):(?!//)[^\s'\"]*@")
"""Up to the last @: a password that should have been escaped is hidden whole, too. The scheme may
be missing or mistyped."""
_FIELD: Final = re.compile(r"(?i)((?:password|passwd|pwd)\s*=\s*)[^&;\s'\"]+")


def without_passwords(text: str) -> str:
    """The text with `***` for what stands where addresses have a password.

    Works on what is no address, as a mistyped one is: it is just then that it is quoted.
    """
    return _FIELD.sub(r"\1***", _USER_INFO.sub(r"\1:***@", text))
