"""The logger of the package: ``logging.getLogger("linger")``; silence or redirect it as any other."""

from __future__ import annotations

import logging

logger = logging.getLogger("linger")
