# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
#
# Another Debian in a folder, to build and test in: made with debootstrap, from the mirror
# that this machine's apt has. The caller sets "work" (a folder of its own) and has
# common.sh.

CHROOT_RELEASE=trixie
CHROOT_SECONDS=300	# for either half
CHROOT_PACKAGES="libcmocka-dev mandoc python3-yaml xz-utils jq"

# chroot_obstacle: says why there can be none here, and nothing where there can.
chroot_obstacle() {
	if [ "$(id -u)" -ne 0 ]; then
		echo "not root"
	elif ! command -v debootstrap >/dev/null; then
		echo "no debootstrap"
	elif ! unshare --mount true 2>/dev/null; then
		echo "unshare may not mount here"
	elif [ "$(df -Pk "$work" | awk 'NR == 2 { print $4 }')" -lt 2000000 ]; then
		echo "less than 2 GB are free"
	elif [ -z "$(debian_mirror)" ]; then
		echo "apt has no list of Debian's packages"
	fi
}

debian_mirror() {
	# shellcheck disable=SC2016 # a format of apt-get
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' \
	    'Origin: Debian' 'Label: Debian' 2>/dev/null | head -n 1
}

# make_chroot FOLDER ARCHITECTURE PACKAGE...: what dpkg writes need not be safe on disk.
make_chroot() {
	chroot=$1
	architecture=$2
	shift 2
	timeout $CHROOT_SECONDS debootstrap --foreign --variant=minbase \
	    --arch="$architecture" --include="$(echo "$*" | tr ' ' ,)" $CHROOT_RELEASE \
	    "$chroot" "$(debian_mirror)" || return
	mkdir -p "$chroot/etc/dpkg/dpkg.cfg.d" &&
	    echo force-unsafe-io >"$chroot/etc/dpkg/dpkg.cfg.d/unsafe-io" &&
	    in_chroot "$chroot" timeout $CHROOT_SECONDS /debootstrap/debootstrap --second-stage
}

# chroot_trouble STATUS LOG: says why it could not be made.
chroot_trouble() {
	if [ "$1" -eq 124 ]; then
		echo "debootstrap took more than $CHROOT_SECONDS seconds"
	else
		echo "debootstrap: $(grep -v '^I: ' "$2" | tail -n 1)"
	fi
}

# in_chroot FOLDER COMMAND...: its mounts are seen by nobody else, and go with it.
in_chroot() {
	# shellcheck disable=SC2016 # for the inner shell
	unshare --mount sh -c 'folder=$1; shift
	    mount -t proc proc "$folder/proc" && mount --rbind /dev "$folder/dev" &&
	    DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 exec chroot "$folder" "$@"' sh "$@"
}

# as_nobody FOLDER COMMAND...: likewise as an ordinary user without a home, in /build.
as_nobody() {
	chroot=$1
	shift
	# shellcheck disable=SC2016 # for the inner shell
	in_chroot "$chroot" setpriv --reuid=65534 --regid=65534 --clear-groups \
	    env -u HOME sh -c 'cd /build && exec "$@"' sh "$@"
}

# build_in_chroot FOLDER OPTION...: builds the copy of the tree, and its tests.
build_in_chroot() {
	chroot=$1
	shift
	mkdir "$chroot/tlsward" "$chroot/build" && chown 65534:65534 "$chroot/build" &&
	    tar -C "$work/tlsward" -cf - . | tar -C "$chroot/tlsward" -xf - &&
	    as_nobody "$chroot" /tlsward/configure --quiet --enable-werror "$@" &&
	    as_nobody "$chroot" make -s -j2 &&
	    as_nobody "$chroot" make -s -j2 check TESTS=
}

# foreign_libraries ARCHITECTURE: the packages of those to build with.
foreign_libraries() {
	for package in $BUILD_PACKAGES libcmocka-dev; do
		case $package in lib*) printf '%s:%s ' "$package" "$1" ;; esac
	done
}

# add_foreign FOLDER ARCHITECTURE: installs them.
add_foreign() {
	# shellcheck disable=SC2046 # a list of words
	in_chroot "$1" dpkg --add-architecture "$2" && in_chroot "$1" apt-get -q update &&
	    in_chroot "$1" apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends \
	    install $(foreign_libraries "$2")
}
