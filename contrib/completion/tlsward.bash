# SPDX-License-Identifier: ISC
# shellcheck shell=bash
#
# Completion for bash of tlsward and tlsward-milter. Commands and options are those
# that the programs' own help names.

_tlsward_actions="accept quarantine tempfail reject"
_tlsward_reasons="client tls tls-version bits cipher forward-secrecy aead certificate
certificate-name certificate-issuer certificate-fingerprint certificate-key
certificate-signature certificate-validity dane unknown-fact"
_tlsward_facts="mta session client_addr client_port client_name client_ptr
client_resolve local helo sasl_username from to to_resolved nrcpt queue_id direction
next_hop relay tls_version cipher bits cert_verified verification cert_cn cert_san cert_issuer
cert_subject_dn cert_issuer_dn cert_fingerprint cert_pubkey_fingerprint cert_key
cert_signature cert_not_after cert_source"

_tlsward_kinds="exchange domino schannel postfix sendmail"

# The options in the help on standard input, a line each with its argument, and the
# operands with "+" before them.
_tlsward_parse() {
	awk '
	function usage(text,    n, i, word) {
		gsub(/\.\.\./, "", text)
		gsub(/[][|()]/, " & ", text)
		n = split(text, word, " ")
		for (i = 1; i <= n; i++) {
			if (word[i] ~ /^-/)
				print word[i], (word[i + 1] ~ /^[A-Z]/ ? word[++i] : "")
			else if (word[i] ~ /^[A-Za-z]/)
				print "+" word[i]
		}
	}
	/^usage: / { sub(/^usage: [^ ]+ ?/, ""); sub(/^[a-z-]+ ?/, ""); body = 1 }
	/^  +-/ {
		body = 0
		sub(/^ +/, "")
		sub(/  .*/, "")
		gsub(/,/, " |")
		usage($0)
	}
	/^$/ { body = 0 }
	body { usage($0) }'
}

# _tlsward_values KIND PREFIX: what may be written for a placeholder of the help.
_tlsward_values() {
	case $1 in
	FILE | POLICY | PATH | DIR)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$2")
		return ;;
	ACTION) set -- "$_tlsward_actions" "$2" ;;
	KIND) set -- "decision handshake delivery" "$2" ;;
	DIRECTION) set -- "in out" "$2" ;;
	SYSTEM) set -- "Domino Schannel Exchange Postfix Sendmail Exim OpenSSL GnuTLS .NET Java \
	    qmail Gmail TLSRPT" "$2" ;;
	REASON) set -- "$_tlsward_reasons" "$2" ;;
	*) return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "$2")
}

# _tlsward_fact NAME=VALUE: names of facts, and the values of those that have few.
_tlsward_fact() {
	local values=
	if [[ $1 != *=* ]]; then
		compopt -o nospace 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -W "$_tlsward_facts" -S = -- "$1")
		return
	fi
	case ${1%%=*} in
	mta) values="postfix sendmail" ;;
	local) values=yes ;;
	direction) values="in out" ;;
	client_resolve) values="ok fail forged temp" ;;
	cert_verified) values="yes no" ;;
	verification) values="none anonymous untrusted trusted verified dane" ;;
	tls_version) values="none TLSv1 TLSv1.1 TLSv1.2 TLSv1.3" ;;
	cert_fingerprint | cert_pubkey_fingerprint) values="none sha256:" ;;
	cipher) values=$(openssl ciphers ALL 2>/dev/null | tr : ' ') ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$values" -- "${1#*=}")
	# Without "=" among the breaks the whole word is replaced.
	[[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/${1%%=*}=}")
}

# _tlsward_commands PROGRAM
_tlsward_commands() {
	"$1" help 2>/dev/null | sed -n 's/^  \([a-z-]\{1,\}\)  .*/\1/p'
}

# _tlsward_operands PROGRAM CUR LINES
_tlsward_operands() {
	local operand words=
	while read -r operand; do
		case $operand in
		+FILE | +POLICY | +OLD | +NEW) _tlsward_values FILE "$2"; return ;;
		+NAME=VALUE) _tlsward_fact "$2"; return ;;
		+COMMAND) words+=" $(_tlsward_commands "$1")" ;;
		+[a-z]*) words+=" ${operand#+}" ;;
		esac
	done <<< "$3"
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$2")
}

_tlsward() {
	local program=${COMP_WORDS[0]/#\~/$HOME} line=${COMP_LINE:0:COMP_POINT}
	local cur=${line##*[[:space:]]} before lines command option
	local -a words
	read -r -a words <<< "${line%"$cur"}"
	before=${words[-1]}
	command=${words[1]:-}
	COMPREPLY=()
	if [[ ${program##*/} == tlsward-milter ]]; then
		lines=$("$program" --help 2>/dev/null | _tlsward_parse)
	elif [[ -z $command ]]; then
		mapfile -t COMPREPLY < <(compgen -W \
		    "$(_tlsward_commands "$program") --help --version" -- "$cur")
		return
	else
		lines=$("$program" help "$command" 2>/dev/null | _tlsward_parse)
	fi
	if [[ $cur == --*=* ]]; then
		option=$(sed -n "s/^${cur%%=*} //p" <<< "$lines" | head -n 1)
		_tlsward_values "$option" "${cur#*=}"
		return
	fi
	if [[ $before == -* ]]; then
		option=$(grep -E -m 1 -e "^$before [A-Z]" <<< "$lines")
		if [[ -n $option ]]; then
			_tlsward_values "${option#* }" "$cur"
			return
		fi
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(sed -n 's/^\(-[^ ]*\).*/\1/p' \
		    <<< "$lines" | sort -u) --help --version" -- "$cur" | sort -u)
		return
	fi
	if [[ $command == import && $before == import ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$_tlsward_kinds" -- "$cur")
		return
	fi
	_tlsward_operands "$program" "$cur" "$lines"
}

complete -F _tlsward tlsward tlsward-milter
