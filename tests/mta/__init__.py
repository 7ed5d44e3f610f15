# SPDX-License-Identifier: ISC
"""tlsward-milter behind a real, throw-away Postfix or Sendmail on loopback."""
