# SPDX-License-Identifier: ISC
# shellcheck shell=sh disable=SC2034,SC2154
#
# What contrib/check is made of: steps and tests, how they are counted and told, and the
# second try of a test that failed. The caller sets "work" (a folder of its own), in which
# each build has a folder.
#
# A test program that failed is run again, once, when all else has ended and nothing runs
# beside it; of one that tells of classes of tests (tests/mta/run.py) those that failed.
# What passes then counts as passed and is named: it hangs on something that no test
# should, and is to be mended. What fails again has failed.

# step NAME COMMAND...: runs it, keeps its output, counts it, shows why it failed.
step() {
	carry_out "$@"
	count $word
	tell
	[ $word = ok ]
}

# carry_out NAME COMMAND...: sets "log" and what tell() has to say.
carry_out() {
	name=$1
	shift
	log=$work/$(echo "$name" | tr -c 'a-z0-9\n' _).log
	start=$(date +%s)
	word=ok
	("$@") >"$log" 2>&1 || word=FAILED
	took=$(($(date +%s) - start))
}

tell() {
	{
		printf '%-6s %s (%d s)\n' $word "$name" $took
		[ $word = ok ] || grep -vE '^((PASS|SKIP): |  [A-Z]+ )' "$log" | tail -n 200
	} | say
}

count() {
	case $1 in
	ok) echo 1 0 ;;
	FAILED) echo 0 1 ;;
	*) echo "$@" ;;
	esac >>"$work/counts"
}

# What steps say that run beside each other does not mix.
say() {
	said=$work/said.$BASHPID
	cat >"$said" && flock "$work/lock" cat "$said"
}

# count_tests BUILD [skips]: adds up the lines "N passed, N failed" of the tests' logs, and
# shows what did not pass. All that the tests behind Postfix and Sendmail and those of
# PostgreSQL need is there, so that having skipped them is a failure, but with "skips".
count_tests() {
	totals=$work/$1.totals
	lawful=${2:-}
	{
		grep -E '^(FAIL|XFAIL|XPASS|SKIP|ERROR): [^ ]+$' "$log" | sed 's/^/       /'
		find "$work/$1/tests" -name '*.log' -exec cat {} + |
		    awk -v servers="$(grep -cE '^SKIP: .*(mta|fleet)' "$log")" -v totals="$totals" \
			-v lawful="$lawful" '
		/^skipped: / { print "       " $0; f += lawful == "" }
		/^[0-9]+ passed, [0-9]+ failed/ { p += $1; f += $3 }
		END {
			f += servers
			print "       " p + 0 " passed, " f + 0 " failed"
			print p + 0, f + 0 > totals
		}'
	} | say
	cat "$totals" >>"$work/counts"
}

# ------------------------------------------------------------------ #
# Tests, and the second try
# ------------------------------------------------------------------ #

run_tests() {
	make -s -j2 -C "$work/$1" check VERBOSE=1
}

# tests NAME BUILD: a step that is counted by second_tries() where only tests failed.
tests() {
	carry_out "$1" run_tests "$2"
	[ $word = ok ] || ! put_off "$2" || word=again
	[ $word = again ] || count $word
	tell
	count_tests "$2"
}

# put_off BUILD: takes away the logs of those that failed, for the second try. False where
# not all was run, or make failed for another reason.
put_off() {
	grep -q '^# TOTAL: ' "$log" || return
	failed=$(cd "$work/$1" && find tests -name '*.trs' -exec grep -lx ':recheck: yes' {} +)
	[ -n "$failed" ] || return
	for each in $failed; do
		each=${each%.trs}
		mv "$work/$1/$each.log" "$(first_log "$1" "$each")" || return
		echo "$1 $each" >>"$work/put_off"
	done
}

first_log() {
	echo "$work/first.$1.$(echo "$2" | tr / _)"
}

# second_tries: of all builds, one after the other. The step that each is of counts as one.
second_tries() {
	[ -e "$work/put_off" ] || return 0
	for build in $(cut -d ' ' -f 1 "$work/put_off" | sort -u); do
		verdict=ok
		for test in $(sed -n "s/^$build //p" "$work/put_off"); do
			second_try "$build" "$test" || verdict=FAILED
		done
		count $verdict
	done
}

# second_try BUILD TEST
second_try() {
	first=$(first_log "$1" "$2")
	classes=$(class_lines "$first" | awk '$4 > 0 { printf "%s. ", $1 }')
	carry_out "$1: $2, second try" run_alone "$1" "$2" "$classes"
	grep -qx ':test-result: PASS' "$work/$1/$2.trs" || word=FAILED
	# shellcheck disable=SC2046 # three words
	set -- "$1: $2${classes:+: ${classes% }}" $(add_tries "$first" "$work/$1/$2.log")
	[ "$4" = whole ] || word=FAILED
	[ $word = ok ] || [ "$3" -gt 0 ] || set -- "$1" "$2" 1
	count "$2" "$3"
	tell
	if [ $word = ok ]; then
		echo "       passed at the second try: $1; the first is above" | say
	else
		echo "       failed twice: $1" | say
	fi
	grep '^skipped: ' "$first" | sed 's/^/       /' | say
	echo "       $2 passed, $3 failed" | say
	[ $word = ok ]
}

# run_alone BUILD TEST CLASSES
run_alone() {
	TLSWARD_CLASSES=$3 make -s -C "$work/$1" check VERBOSE=1 TEST_LOGS="$2.log"
}

# What tests/mta/run.py says of each class.
class_lines() {
	grep -E '^[^ ]+ +[0-9]+ passed +[0-9]+ failed +[0-9.]+ s$' "$1"
}

# add_tries FIRST SECOND: how many passed and failed: those of the classes that passed at
# the first try, and those of the second; and "whole", or that some were left out in this.
add_tries() {
	kept=$(class_lines "$1" | awk '$4 == 0 { p += $2 } END { print p + 0 }')
	awk -v kept="$kept" '
	FNR == 1 { try++ }
	try == 1 && /^skipped: / { skipped++ }
	/^[0-9]+ passed, [0-9]+ failed/ { p[try] += $1; f[try] += $3 }
	END {
		whole = p[2] >= p[1] - kept + f[1] && !skipped
		print kept + p[2], f[2] + skipped, (whole ? "whole" : "less")
	}' "$1" "$2"
}
