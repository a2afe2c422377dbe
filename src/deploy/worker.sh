# Carries out one task after another in the server's checkout, whoever is connected, and has the lock meanwhile.
# sh worker FOLDER ID CHECKOUT, where FOLDER has `lock` and `runs/ID/holder`.
umask 077
u=$1 r=$1/runs/$2
say() { printf '%s %s\n' "$(date -u +%s)" "$*" >>"$r/journal"; }
# What a task starts inherits the lock: while it runs, nobody else gets it, even if this process is killed.
exec 9>>"$u/lock"
if ! flock -n 9; then echo busy >"$r/began"; exit 1; fi
cd -- "$3" || { echo nowhere >"$r/began"; exit 1; }
# What was left before its first task is in nobody's way.
for i in "$u"/runs/*; do
  if [ "$i" != "$r" ] && [ -e "$i/plan" ] && [ ! -e "$i/end" ] && ! grep -qs ' start ' "$i/journal"; then rm -rf "$i"; fi
done
GIT_TERMINAL_PROMPT=0
export GIT_TERMINAL_PROMPT
cat "$r/holder" >"$u/holder"
echo $$ >"$r/pid"
say began
echo held >"$r/began"
alone=0
while [ ! -e "$r/end" ] && [ ! -e "$r/leave" ]; do
  if [ -e "$r/next" ]; then
    n=$(cat "$r/next")
    say start "$n"
    rm -f "$r/next"
    sh "$r/$n.cmd" >"$r/$n.log" 2>&1 </dev/null
    c=$?
    echo "$c" >"$r/$n.new" && mv -f "$r/$n.new" "$r/$n.rc"
    say end "$n" "$c"
    alone=0
  else
    # Whoever gives the tasks holds the leash. It may come again: a connection that is lost is made anew.
    if flock -n "$r/leash" true 2>/dev/null; then alone=$((alone + 1)); else alone=0; fi
    [ $alone -lt 400 ] || { say left; break; }
    sleep 0.1 2>/dev/null || sleep 1
  fi
done
rm -f "$u/holder" "$r/pid"
