# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
#
# What check and demo share: packages of Debian, and builds beside the source tree.
# The caller sets "top" (the source tree) and "work" (a folder of its own).

BUILD_PACKAGES="autoconf automake pkgconf gcc make libc6-dev libmilter-dev
libssl-dev libpcre2-dev libidn2-dev libjansson-dev libsqlite3-dev
libmicrohttpd-dev libarchive-dev libseccomp-dev libsystemd-dev
libunbound-dev libcurl4-openssl-dev libexpat1-dev libpq-dev"
CLIENT_PACKAGES="python3 openssl"
# What a build of the package needs beside those; a test holds debian/control against both.
PACKAGE_PACKAGES="build-essential debhelper dh-apparmor"
PACKAGE_TEST_PACKAGES="libcmocka-dev mandoc"
# No mail server is installed: it would take the place of the one that is there. Their
# packages are unpacked (provide), and these are what Sendmail is set up with.
POSTFIX_PACKAGES="postfix"
SENDMAIL_PACKAGES="sendmail-bin sendmail-cf"
SENDMAIL_TOOLS="m4 gcc libc6-dev"
# Installed, PostgreSQL would make a cluster and start it.
POSTGRESQL_TOOLS="tzdata openssl"
denied=/usr/sbin/policy-rc.d

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

# Nothing starts by being installed. The file says whose it is, so that one is never
# left behind that a run which was killed has written.
deny_services() {
	allow_services
	[ -e "$denied" ] && return
	printf '#!/bin/sh\n# of tlsward, for a moment\nexit 101\n' > "$denied" &&
	    chmod 755 "$denied"
}

allow_services() {
	grep -qs '^# of tlsward, for a moment$' "$denied" && rm -f "$denied"
	return 0
}

apt_install() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Dpkg::Use-Pty=0 \
	    --no-install-recommends install "$@"
}

# What apt would do. The lists of packages are fetched only when those at hand do not do.
plan_install() {
	apt_install -s "$@" || { apt-get -q update && apt_install -s "$@"; }
}

# quietly WHAT COMMAND...: shows the end of what it said only when it fails.
quietly() {
	what=$1
	shift
	"$@" >"$work/apt.log" 2>&1 && return
	allow_services
	tail -n 30 "$work/apt.log"
	fail "$what failed"
}

# install_missing PACKAGE...: nothing that is installed goes for it.
install_missing() {
	wanted=$(missing "$@")
	[ -n "$wanted" ] || return 0
	command -v apt-get >/dev/null || fail "no apt-get, and not installed: $wanted"
	[ "$(id -u)" -eq 0 ] || fail "not root, and not installed: $wanted"
	echo "installing $wanted"
	# shellcheck disable=SC2086 # a list of words
	quietly "apt-get -s install" plan_install $wanted
	removed=$(sed -n 's/^Remv \([^ ]*\).*/\1/p' "$work/apt.log" | tr '\n' ' ')
	[ -z "$removed" ] || fail "apt-get would remove ${removed% } for $wanted:" \
	    "nothing was installed. Remove ${removed% } yourself where it may go;" \
	    "else run this in a container or on another machine"
	deny_services
	# shellcheck disable=SC2086 # a list of words
	quietly "apt-get install" apt_install --no-remove $wanted
	allow_services
}

# The names of the libraries that packages depend on. That of LLVM, which only makes long
# queries of PostgreSQL's faster, is larger than all the others; those of JavaScript are for
# Prometheus' pages.
libraries() {
	for package in "$@"; do
		dpkg-deb -W --showformat='${Depends},${Pre-Depends}\n' "$package" |
		    tr ',' '\n' |
		    sed -n '/libllvm\|libjs/!s/^ *\(lib[^ ]*\).*/\1/p'
	done | sort -u
}

unpack() {
	apt-get -q download "$@" || { apt-get -q update && apt-get -q download "$@"; } ||
	    return 1
	for package in *.deb; do
		dpkg -x "$package" . || return 1
	done
}

# provide NAME PACKAGE...: unpacks packages in $work/NAME and installs the libraries
# that they need. It fails, and shows why, where they cannot be had.
provide() {
	unpacked=$work/$1
	shift
	if ! (mkdir "$unpacked" && cd "$unpacked" && unpack "$@") >"$unpacked.log" 2>&1; then
		tail -n 30 "$unpacked.log"
		return 1
	fi
	# shellcheck disable=SC2046 # a list of words
	install_missing $(libraries "$unpacked"/*.deb)
}

provide_postfix() {
	# shellcheck disable=SC2086 # a list of words
	provide postfix $POSTFIX_PACKAGES
}

provide_sendmail() {
	# shellcheck disable=SC2086 # a list of words
	install_missing $SENDMAIL_TOOLS && provide sendmail $SENDMAIL_PACKAGES
}

# The name of Debian's package of the server tells its release: 15 in Debian 12, 17 in 13.
postgresql_packages() {
	apt-cache show postgresql >/dev/null 2>&1 || apt-get -q update >&2
	server=$(apt-cache depends postgresql |
	    sed -n 's/^ *Depends: \(postgresql-[0-9]*\)$/\1/p')
	echo "$server postgresql-client-${server##*-}"
}

provide_postgresql() {
	# shellcheck disable=SC2046,SC2086 # lists of words
	install_missing $POSTGRESQL_TOOLS && provide postgresql $(postgresql_packages)
}

# What checks the unit and the profile, which are not started, writes journals, fetches
# metrics, and is the DNS of the tests of the probe.
provide_tools() {
	provide tools systemd apparmor systemd-journal-remote unbound prometheus
}

# Tells the tests where what was unpacked is.
export_servers() {
	TLSWARD_POSTFIX=$work/postfix
	TLSWARD_SENDMAIL=$work/sendmail
	TLSWARD_TOOLS=$work/tools
	TLSWARD_POSTGRESQL=$work/postgresql
	export TLSWARD_POSTFIX TLSWARD_SENDMAIL TLSWARD_TOOLS TLSWARD_POSTGRESQL
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

# build NAME OPTION...: builds $tree in $work/NAME.
build() {
	mkdir "$work/$1" && cd "$work/$1" || return 1
	shift
	"$tree/configure" --quiet "$@" && make -s -j "$(nproc)"
}

# The tests look at TLSWARD_KEEP too, and have folders of their own.
make_work() {
	keep=${TLSWARD_KEEP:-}
	unset TLSWARD_KEEP
	work=$(mktemp -d) && chmod 755 "$work" || exit 2
	tree=$work/tlsward
}

remove_work() {
	allow_services
	if [ -n "$keep" ]; then
		echo "kept: $work"
	else
		chmod -R u+w "$work" && rm -rf "$work"
	fi
}
