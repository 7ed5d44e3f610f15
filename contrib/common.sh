# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
#
# What check and demo share: packages of Debian, and builds beside the source tree.
# The caller sets "top" (the source tree) and "work" (a folder of its own).

BUILD_PACKAGES="autoconf automake pkg-config gcc make libc6-dev libmilter-dev
libssl-dev libpcre2-dev libidn2-dev libjansson-dev libsqlite3-dev
libmicrohttpd-dev zlib1g-dev libseccomp-dev"
CLIENT_PACKAGES="python3 openssl"
POSTFIX_PACKAGES="postfix"
# Sendmail itself is not installed: it would take the place of the mail server that
# is there. Its packages are unpacked, and these are what it runs and is set up with.
SENDMAIL_PACKAGES="sendmail-bin sendmail-cf"
SENDMAIL_NEEDS="m4 gcc libc6-dev libwrap0 libldap-2.5-0 libdb5.3 liblockfile1 libnsl2
libsasl2-2 libssl3"

fail() {
	echo "${0##*/}: $*" >&2
	exit 2
}

missing() {
	for package in "$@"; do
		case $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) in
		"install ok installed") ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

# Postfix must not start by being installed: the tests start their own.
deny_services() {
	[ -e /usr/sbin/policy-rc.d ] && return
	denied=/usr/sbin/policy-rc.d
	printf '#!/bin/sh\nexit 101\n' > "$denied" && chmod 755 "$denied"
}

allow_services() {
	[ -n "${denied:-}" ] && rm -f "$denied"
	denied=
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
	    install --no-install-recommends "$@"
}

# The lists of packages are fetched only when the ones at hand do not do.
install_or_update() {
	apt_install "$@" || { apt-get -q update && apt_install "$@"; }
}

# install_missing PACKAGE...
install_missing() {
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	command -v apt-get >/dev/null || fail "no apt-get, and not installed: $wanted"
	[ "$(id -u)" -eq 0 ] || fail "not root, and not installed: $wanted"
	echo "installing $wanted"
	deny_services
	# shellcheck disable=SC2086 # a list of words
	install_or_update $wanted >"$work/apt.log" 2>&1 || {
		tail -n 30 "$work/apt.log"
		fail "apt-get failed"
	}
	allow_services
}

# The lists of packages are fetched only when the ones at hand do not do.
download_sendmail() {
	# shellcheck disable=SC2086 # a list of words
	apt-get -q download $SENDMAIL_PACKAGES || { apt-get -q update &&
	    apt-get -q download $SENDMAIL_PACKAGES; }
}

# Unpacks Sendmail in $work/sendmail, and says so to the tests. It fails, and shows
# why, where the packages cannot be had.
provide_sendmail() {
	if ! (mkdir "$work/sendmail" && cd "$work/sendmail" && download_sendmail &&
	    for package in *.deb; do
		    dpkg -x "$package" . || exit 1
	    done) >"$work/sendmail.log" 2>&1; then
		tail -n 30 "$work/sendmail.log"
		return 1
	fi
	TLSWARD_SENDMAIL=$work/sendmail
	export TLSWARD_SENDMAIL
}

# Copies what belongs to the tree to $work/tlsward: with git exactly that, else all
# but what builds leave.
copy_tree() {
	mkdir "$work/tlsward" && cd "$top" || return 1
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files -z --cached --others --exclude-standard |
		    tar --null --ignore-failed-read -T - -cf - 2>/dev/null
	else
		tar --exclude=./.git --exclude='*.o' --exclude='*.a' --exclude=.deps \
		    --exclude=.dirstamp --exclude=./config.status --exclude=./config.h \
		    --exclude=./Makefile --exclude=./tlsward --exclude=./tlsward-milter \
		    --exclude=autom4te.cache --exclude=__pycache__ -cf - .
	fi | tar -C "$work/tlsward" -xf -
}

prepare() {
	cd "$work/tlsward" && autoreconf -fi
}

# build NAME OPTION...: builds in $work/NAME.
build() {
	mkdir "$work/$1" && cd "$work/$1" || return 1
	shift
	"$work/tlsward/configure" --quiet "$@" && make -s -j "$(nproc)"
}

# The tests look at TLSWARD_KEEP too, and have folders of their own.
make_work() {
	keep=${TLSWARD_KEEP:-}
	unset TLSWARD_KEEP
	work=$(mktemp -d) && chmod 755 "$work" || exit 2
}

remove_work() {
	allow_services
	if [ -n "$keep" ]; then
		echo "kept: $work"
	else
		chmod -R u+w "$work" && rm -rf "$work"
	fi
}
