" SPDX-License-Identifier: ISC
" Vim syntax file: policies of tlsward, see tlsward-policy(5).

if exists('b:current_syntax')
  finish
endif
let s:cpo_save = &cpo
set cpo&vim

syn case match
" The characters of a word, so that no keyword is found within a domain's name.
syn iskeyword @,48-57,128-255,_,.,-,:,/,*,+,=,@-@

" Between all tokens
syn match tlswardpolicyComment '#.*' contains=tlswardpolicyTodo,@Spell
syn keyword tlswardpolicyTodo contained TODO FIXME XXX
syn match tlswardpolicyJoin '\\\r\=\n'
syn match tlswardpolicyEnd ';'
syn cluster tlswardpolicyBlank contains=tlswardpolicyComment,tlswardpolicyJoin

syn region tlswardpolicyString contained oneline start='"' skip='\\.' end='"' contains=tlswardpolicyBadEscape,tlswardpolicyEscape
syn match tlswardpolicyBadEscape contained '\\.'
syn match tlswardpolicyEscape contained '\\["\\]'
" The own text of a reply: a string with names in braces.
syn region tlswardpolicyReply contained oneline start='"' skip='\\.' end='"' contains=tlswardpolicyBadEscape,tlswardpolicyEscape,tlswardpolicyBadPlace,tlswardpolicyPlace,tlswardpolicyBrace
syn match tlswardpolicyBadPlace contained '{[^"}]*}\='
syn match tlswardpolicyPlace contained '{\%(domain\|reason\|required\|tls_version\|cipher\|bits\|session\)}'
syn match tlswardpolicyBrace contained '{{'
" Only where a WHO or a pattern is expected: a word may hold a slash.
syn region tlswardpolicyRegex contained oneline start='\k\@1<!/' end='/\%(i\k\@!\)\=' contains=tlswardpolicyRegexEscape
syn match tlswardpolicyRegexEscape contained '\\[^/]'
syn match tlswardpolicyRegexEscape contained '\\/'

" Statements
syn region tlswardpolicyInclude matchgroup=tlswardpolicyStatement start='\<include\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString
syn region tlswardpolicyProfile matchgroup=tlswardpolicyStatement start='\<profile\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyName
syn match tlswardpolicyName contained '\k\+'
syn keyword tlswardpolicyStatement default
syn region tlswardpolicyFrom matchgroup=tlswardpolicyStatement start='\<from\>' end='[;{}]'me=s-1 contains=@tlswardpolicyWho,tlswardpolicyNullSender,tlswardpolicyVia
syn region tlswardpolicyTo matchgroup=tlswardpolicyStatement start='\<to\>' end='[;{}]'me=s-1 contains=@tlswardpolicyWho,tlswardpolicyPostmaster,tlswardpolicyVia
syn region tlswardpolicyDeliver matchgroup=tlswardpolicyStatement start='\<deliver\>' end='[;{}]'me=s-1 contains=@tlswardpolicyWho
syn region tlswardpolicyPartner matchgroup=tlswardpolicyStatement start='\<partner\>' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyName
syn region tlswardpolicyClient matchgroup=tlswardpolicyStatement start='\<client\>' end='[;{}]'me=s-1 contains=@tlswardpolicyWho,tlswardpolicyNetwork,tlswardpolicyHost

" WHO: of what begins at the same place the last one here counts.
syn cluster tlswardpolicyWho contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyRegex,tlswardpolicyDomain,tlswardpolicyAddress,tlswardpolicyFile
syn match tlswardpolicyDomain contained '/\@!\k\+'
syn match tlswardpolicyPeer contained '/\@!\%(\%(otherwise\|from\|until\)\>\)\@!\k\+'
syn match tlswardpolicyAddress contained '/\@!\k\+@\k*'
syn match tlswardpolicyNullSender contained '<>'
syn match tlswardpolicyNetwork contained '\<\d\{1,3}\%(\.\d\{1,3}\)\{3}\%(/\d\{1,3}\)\=\>'
syn match tlswardpolicyNetwork contained '\<\%([0-9A-Fa-f.]*:[0-9A-Fa-f.]*:\)\@=[0-9A-Fa-f:.]\+\%(/\d\{1,3}\)\=\>'
syn keyword tlswardpolicyFile contained file domain
syn match tlswardpolicyPostmaster contained '\c\<postmaster\>'
syn match tlswardpolicyHost contained '\c\<\%(authenticated\|local\)\>'
syn region tlswardpolicyVia contained matchgroup=tlswardpolicyFile start='\<via\>' end='[;{}]'me=s-1 contains=@tlswardpolicyWho,tlswardpolicyNetwork,tlswardpolicyHost

" The lines of an agreement
syn region tlswardpolicyDomains contained matchgroup=tlswardpolicyStatement start='\<domain\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyWho
syn region tlswardpolicyIncoming contained matchgroup=tlswardpolicyStatement start='\<incoming\>' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyVia
syn keyword tlswardpolicyOutgoingStatement contained outgoing

" Blocks and their settings. These follow one another instead of being nested: of two
" regions that end with the line, Vim ends the inner one only.
syn region tlswardpolicyBlock matchgroup=tlswardpolicyDelimiter start='{' end='}' fold contains=@tlswardpolicyBlank,tlswardpolicyEnd,tlswardpolicyUse,tlswardpolicyBlock,tlswardpolicyDomains,tlswardpolicyIncoming,tlswardpolicyOutgoingStatement,tlswardpolicyRequire,tlswardpolicyClients,tlswardpolicyPatterns,tlswardpolicyPins,tlswardpolicyUntil,tlswardpolicyDate,tlswardpolicyOtherwise,tlswardpolicyTime,tlswardpolicyEnforce,tlswardpolicyContact,tlswardpolicyString
syn region tlswardpolicyUse contained matchgroup=tlswardpolicySetting start='\<use\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyName,tlswardpolicyUseDefault
syn keyword tlswardpolicyUseDefault contained default
syn region tlswardpolicyRequire contained matchgroup=tlswardpolicySetting start='\<require\>' end='$' end='[;{}]'me=s-1 end='\<\%(otherwise\|client\|certificate\s\+\%(name\|issuer\|fingerprint\|file\)\)\>'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyAtLeast,tlswardpolicyNumber,tlswardpolicyVersion,tlswardpolicyDigest,tlswardpolicyRequirement,tlswardpolicyCertificate,tlswardpolicyUntil,tlswardpolicyDate
syn region tlswardpolicyOtherwise contained matchgroup=tlswardpolicySetting start='\<otherwise\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyReply,tlswardpolicyAction,tlswardpolicyCode
syn region tlswardpolicyTime contained matchgroup=tlswardpolicySetting start='\<\%(monitor\|exempt\)\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyUntil,tlswardpolicyDate
syn keyword tlswardpolicyEnforce contained enforce
syn region tlswardpolicyContact contained matchgroup=tlswardpolicySetting start='\<\%(contact\|note\)\>' end='$' end='[;{}]'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyWord
syn match tlswardpolicyWord contained '\k\+'
syn keyword tlswardpolicyUntil contained from until
syn match tlswardpolicyDate contained '\<\d\{4}-\d\d-\d\d\>'

" Requirements
syn match tlswardpolicyAtLeast contained '>='
syn match tlswardpolicyNumber contained '\%(>=\|\k\@1<!\)\@2<=\d\+\>'
syn match tlswardpolicyVersion contained '\%(>=\|\k\@1<!\)\@2<=\%(TLSv1\%(\.[0-3]\)\=\|1\.[0-3]\)\>'
syn match tlswardpolicyDigest contained '\%(>=\|\k\@1<!\)\@2<=\%(md5\|sha1\|sha224\|sha256\|sha384\|sha512\|ed25519\|ed448\)\>'
syn keyword tlswardpolicyRequirement contained tls bits cipher ciphersuites forward-secrecy aead dane nothing day days
syn match tlswardpolicyCertificate contained '\<certificate\>\%(\s\+\%(key\|signature\|valid-for\)\>\)\='
syn region tlswardpolicyPatterns contained matchgroup=tlswardpolicyRequirement start='\<certificate\s\+\%(name\|issuer\)\>' end='$' end='[;{}]'me=s-1 end='\<\%(otherwise\|from\|until\)\>'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyRegex,tlswardpolicyPattern
syn match tlswardpolicyPattern contained '/\@!\%(\%(otherwise\|from\|until\)\>\)\@!\k\+'
syn region tlswardpolicyPins contained matchgroup=tlswardpolicyRequirement start='\<certificate\s\+\%(fingerprint\|file\)\>' end='$' end='[;{}]'me=s-1 end='\<\%(otherwise\|from\|until\)\>'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyPin
syn match tlswardpolicyPin contained '\c\<\%(sha256\|sha1\):[0-9A-Fa-f:]\+\>'
syn region tlswardpolicyClients contained matchgroup=tlswardpolicyRequirement start='\<client\>' end='$' end='[;{}]'me=s-1 end='\<\%(otherwise\|from\|until\)\>'me=s-1 contains=@tlswardpolicyBlank,tlswardpolicyString,tlswardpolicyRegex,tlswardpolicyPeer,tlswardpolicyFile,tlswardpolicyNetwork,tlswardpolicyHost
syn keyword tlswardpolicyAction contained accept quarantine tempfail reject
syn match tlswardpolicyCode contained '\<[45]\%(\d\d\|\.\d\{1,3}\.\d\{1,3}\)\>'

syn sync minlines=200

hi def link tlswardpolicyComment Comment
hi def link tlswardpolicyTodo Todo
hi def link tlswardpolicyJoin SpecialChar
hi def link tlswardpolicyEnd Delimiter
hi def link tlswardpolicyDelimiter Delimiter
hi def link tlswardpolicyString String
hi def link tlswardpolicyReply String
hi def link tlswardpolicyEscape SpecialChar
hi def link tlswardpolicyBadEscape Error
hi def link tlswardpolicyPlace Identifier
hi def link tlswardpolicyBadPlace Error
hi def link tlswardpolicyBrace SpecialChar
hi def link tlswardpolicyRegex String
hi def link tlswardpolicyRegexEscape SpecialChar
hi def link tlswardpolicyStatement Statement
hi def link tlswardpolicyName Type
hi def link tlswardpolicyDomain Identifier
hi def link tlswardpolicyAddress Identifier
hi def link tlswardpolicyPeer Identifier
hi def link tlswardpolicyOutgoingStatement Statement
hi def link tlswardpolicyNullSender Constant
hi def link tlswardpolicyNetwork Number
hi def link tlswardpolicyFile Keyword
hi def link tlswardpolicyPostmaster Constant
hi def link tlswardpolicyHost Constant
hi def link tlswardpolicySetting Keyword
hi def link tlswardpolicyEnforce Keyword
hi def link tlswardpolicyUseDefault Statement
hi def link tlswardpolicyUntil Keyword
hi def link tlswardpolicyDate Number
hi def link tlswardpolicyAtLeast Operator
hi def link tlswardpolicyNumber Number
hi def link tlswardpolicyVersion Constant
hi def link tlswardpolicyDigest Constant
hi def link tlswardpolicyRequirement Type
hi def link tlswardpolicyCertificate Type
hi def link tlswardpolicyPattern String
hi def link tlswardpolicyPin Constant
hi def link tlswardpolicyAction Special
hi def link tlswardpolicyCode Number

let b:current_syntax = 'tlswardpolicy'
let &cpo = s:cpo_save
unlet s:cpo_save
