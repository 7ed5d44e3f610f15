" SPDX-License-Identifier: ISC
" Vim syntax file: the settings of tlsward, see tlsward.conf(5).

if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpo
set cpo&vim

syn case match

syn match tlswardUnknown '^\s*\zs[^[:blank:]#]\+'
syn match tlswardSetting '^\s*\zs\%(listen\|socket-mode\|socket-world-writable\|socket-group\|policy\|user\|group\|confine\|mta\|postfix-version\|postfix-tls-digest\|policy-service\|policy-service-answers\|tls-policy-map\|tls-policy-next\|partner-certificates\|reply-at\|mode\|soft-bounce\|quarantine-as\|reply-suffix\|recipient-delimiter\|on-internal-error\|log\|log-format\|log-accepted\|follow-accepted\|authentication-results\|pid-file\|control\|journal\|journal-keep\|journal-max\|journal-accepted\|node\|ship-to\|maillog\|metrics\)\%([[:blank:]]\|$\)\@=' nextgroup=tlswardValue skipwhite

" A value runs to the end of its line, or to a blank and a number sign.
syn region tlswardValue contained oneline start='\S' end='$' contains=tlswardComment,tlswardString,tlswardWord,tlswardKind,tlswardMode
syn match tlswardWord contained '\%(^\|[[:blank:]]\)\@1<=\%(no\|yes\|none\|enforce\|monitor\|auto\|postfix\|sendmail\|facts\|verdict\|rcpt\|mail\|hold\|tempfail\|reject\|accept\|logfmt\|json\|syslog\|stderr\|rollup\|full\|forever\|sha256\|sha1\)\%([[:blank:]]\|$\)\@='
syn match tlswardKind contained '[[:blank:]]\@1<=\%(unix\|inet6\|inet\|file\|sqlite\|syslog\):\@='
syn match tlswardMode contained '[[:blank:]]\@1<=\o\{3,4}\%([[:blank:]]\|$\)\@='
syn region tlswardString contained oneline start='"' skip='\\.' end='"' contains=tlswardEscape,tlswardBadEscape
syn match tlswardBadEscape contained '\\.'
syn match tlswardEscape contained '\\["\\]'

syn match tlswardComment '^\s*#.*$' contains=tlswardTodo,@Spell
syn match tlswardComment '[[:blank:]]\@1<=#.*$' contains=tlswardTodo,@Spell
syn keyword tlswardTodo contained TODO FIXME XXX

hi def link tlswardUnknown Error
hi def link tlswardSetting Statement
hi def link tlswardWord Constant
hi def link tlswardKind Type
hi def link tlswardMode Number
hi def link tlswardString String
hi def link tlswardEscape SpecialChar
hi def link tlswardBadEscape Error
hi def link tlswardComment Comment
hi def link tlswardTodo Todo

let b:current_syntax = 'tlsward'
let &cpo = s:cpo_save
unlet s:cpo_save
