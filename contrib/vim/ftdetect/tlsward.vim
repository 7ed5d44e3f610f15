" SPDX-License-Identifier: ISC
" Files below a folder of tlsward: its settings, and policies.
autocmd BufNewFile,BufRead tlsward.conf if expand('<afile>:p') !~# '/sysusers' | set filetype=tlsward | endif
autocmd BufNewFile,BufRead */tlsward/*policy.conf,*/tlsward/*policy.d/*.conf,*/tlsward/*examples/*.conf,*/tlsward/*profiles/* set filetype=tlswardpolicy
