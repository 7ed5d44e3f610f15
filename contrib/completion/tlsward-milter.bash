# SPDX-License-Identifier: ISC
# shellcheck shell=bash source=/dev/null
. "${BASH_SOURCE[0]%/*}/tlsward"
