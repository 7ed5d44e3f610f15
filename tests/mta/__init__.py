# SPDX-License-Identifier: ISC
"""tlsward-milter behind a real, throw-away Postfix on loopback."""
