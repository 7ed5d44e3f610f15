" SPDX-License-Identifier: ISC
" Writes the syntax groups of each byte of g:folder's *.in to *.out, a line each.
set encoding=utf-8 fileencodings=utf-8 fileformats=unix synmaxcol=0
let s:names = {}
for s:path in glob(g:folder . '/*.in', 0, 1)
  execute 'edit' s:path
  syntax clear
  unlet! b:current_syntax
  execute 'source' g:syntax_file
  let s:out = []
  for s:line in range(1, line('$'))
    for s:column in range(1, len(getline(s:line)))
      let s:stack = synstack(s:line, s:column)
      let s:key = join(s:stack)
      if !has_key(s:names, s:key)
        let s:names[s:key] = join(map(s:stack, 'synIDattr(v:val, "name")'), ',')
      endif
      call add(s:out, s:names[s:key])
    endfor
  endfor
  call writefile(s:out, s:path[:-3] . 'out')
endfor
qall!
