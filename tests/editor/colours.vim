" SPDX-License-Identifier: ISC
" Writes the syntax groups of each byte of g:folder's *.in to *.out, a line each.
set encoding=utf-8 fileencodings=utf-8 fileformats=unix synmaxcol=0
for s:path in glob(g:folder . '/*.in', 0, 1)
  execute 'edit' s:path
  syntax clear
  unlet! b:current_syntax
  execute 'source' g:syntax_file
  let s:out = []
  for s:line in range(1, line('$'))
    for s:column in range(1, len(getline(s:line)))
      call add(s:out, join(map(synstack(s:line, s:column), 'synIDattr(v:val, "name")'), ','))
    endfor
  endfor
  call writefile(s:out, s:path[:-3] . 'out')
endfor
qall!
