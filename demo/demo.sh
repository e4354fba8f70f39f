#!/usr/bin/env bash
# What a newcomer sees first: a world (or real data) is logged, learnt from, served, and an event changes the next answer.
#
#   ./dev demo                                the simulated world
#   ./dev demo --data FOLDER [--preset NAME]  real data: what `palate import` takes (docs/import.md)
#   ./dev demo --data PRESET                  the same, from a folder of that set here or in data/, ../data/, ../shared/data/
#
# With a terminal the server stays up until Ctrl-C; without one the same is shown and the script ends.
set -euo pipefail
palate=${PALATE_BIN:?the palate program, set by ./dev}
data=${PALATE_DEMO_DIR:-build/demo-data}
source_folder="" preset=""
while [ $# -gt 0 ]; do
  case $1 in
    --data) source_folder=${2:?--data needs a folder}; shift 2 ;;
    --preset) preset=${2:?--preset needs a name}; shift 2 ;;
    *) echo "demo: unknown argument '$1'; there are --data FOLDER and --preset NAME" >&2; exit 2 ;;
  esac
done

# A preset's name stands for the first folder of such a set that lies around.
if [ -n "$source_folder" ] && [ ! -e "$source_folder" ]; then
  case $source_folder in
    movielens) names="ml-*" ;;
    goodbooks-10k) names="goodbooks-10k*" ;;
    amazon) names="amazon*" ;;
    *) echo "demo: there is no folder '$source_folder', and no preset of that name (movielens, goodbooks-10k, amazon)" >&2; exit 3 ;;
  esac
  found=$(find . data ../data ../shared/data -maxdepth 1 -type d -name "$names" 2>/dev/null | sort | head -n 1 || true)
  if [ -z "$found" ]; then
    echo "demo: no folder $names here or in data/, ../data/, ../shared/data/: unpack the set there, or say --data FOLDER" >&2
    exit 3
  fi
  source_folder=$found
fi

bold=$'\033[1m' dim=$'\033[2m' green=$'\033[32m' plain=$'\033[0m'
[ -t 1 ] || bold="" dim="" green="" plain=""
say() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }
show() { # runs what it prints
  printf '%s$ %s%s\n' "$dim" "${*/#$palate/palate}" "$plain"
  "$@"
}
server=""
finish() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" 2>/dev/null; } || true
}
trap finish EXIT
trap 'exit 130' INT

started=$(date +%s%N)
rm -rf "$data"
if [ -z "$source_folder" ]; then
  say "1. A small world: users with tastes, titles in three languages, thirty days of sessions"
  show "$palate" simulate --data "$data"
else
  say "1. Your data"
  show "$palate" import "$source_folder" ${preset:+--preset "$preset"} --data "$data"
fi

say "2. Train, and measure on days (or events) that training did not see"
show "$palate" train --data "$data"
show "$palate" evaluate --data "$data" --k 10

say "3. Serve"
log=$data/serve.log
start_server() {
  "$palate" serve --data "$data" --port "$1" --decisions.share 1 >"$log" 2>&1 &
  server=$!
  for _ in $(seq 100); do
    grep -q '^serving ' "$log" && return
    kill -0 "$server" 2>/dev/null || break
    sleep 0.05
  done
  wait "$server" || true
  server=""
  return 1
}
start_server 8080 || start_server 0 || { cat "$log" >&2; exit 1; }
base=$(sed -n 's/^serving .* on //p' "$log")
for _ in $(seq 100); do
  curl -sf "$base/readyz" >/dev/null && break
  sleep 0.05
done
echo "$base is up ($(awk '/^VmRSS/ {printf "%.0f MiB", $2 / 1024}' "/proc/$server/status") resident)"

say "4. Ask, tell, ask again"
user=${PALATE_DEMO_USER:-$("$palate" status --data "$data" --json | jq -r .sample_user)}
ask() { curl -sf "$base/v1/recommendations?user=$user&n=10&language=en"; }
before=$(ask)
# The title that the event is about: the first in a list of popular ones that this user would not be shown now.
item=$(jq -rn --argjson mine "$before" --argjson all "$(curl -sf "$base/v1/recommendations?n=50")" \
  '[$all.items[].item] - [$mine.items[].item] | .[length - 1]')
title=$(curl -sf "$base/v1/items/$item" | jq -r '.item | .titles.en // .titles[""] // (.titles // {} | to_entries | .[0].value) // .id')
event=$(jq -cn --arg user "$user" --arg item "$item" '{type: "like", user: $user, item: $item}')
t0=$(date +%s%N)
receipt=$(curl -sf -w '\n%{time_total}' "$base/v1/events" -H 'content-type: application/json' -d "$event")
after=$(curl -sf -w '\n%{time_total}' "$base/v1/recommendations?user=$user&n=10&language=en&explain=1")
t1=$(date +%s%N)
post_s=${receipt##*$'\n'} get_s=${after##*$'\n'}
after=${after%$'\n'*}

echo "$user likes \"$title\" ($item)."
printf '      %-38s  %s\n' before after
jq -rn --argjson a "$before" --argjson b "$after" --arg liked "$item" '
  def cut(n): if length > n then .[0:n - 1] + "…" else (. + "                                        ")[0:n] end;
  ([$a.items[].item]) as $old
  | range(0; [($a.items | length), ($b.items | length)] | max) as $i
  | ($b.items[$i] // {item: "", title: ""}) as $new
  | ($old | index($new.item)) as $was
  | (if $new.item == "" then "" elif $was == null then "new" elif $was == $i then ""
     elif $was > $i then "up \($was - $i)" else "down \($i - $was)" end) as $mark
  | (" \($i + 1)"[-2:]) as $n
  | "  \($n)  \(($a.items[$i].title // "") | cut(38))  \($new.title | cut(38))  \($mark)"
    + (if $mark == "new" and (($new.reasons // []) | length) > 0 and $new.reasons[0].item == $liked
       then "  because of it" else "" end)'
printf '%sThe event was durable after %.1f ms; the changed answer took %.1f ms more (two curl runs: %d ms in all).%s\n' "$green" \
  "$(jq -n "$post_s * 1000")" "$(jq -n "$get_s * 1000")" $(((t1 - t0) / 1000000)) "$plain"

# The place of the like in the log: one before the end that the receipt names.
place=$(jq -r '.position | ltrimstr("events/0@") | tonumber - 1' <<<"${receipt%$'\n'*}")
say "Try next (from another terminal; these lines work as they are)"
cat <<END
  curl '$base/v1/recommendations?user=$user&n=5&explain=2'
  curl '$base/v1/recommendations?user=somebody-new&n=5'
  curl '$base/v1/similar?item=$item&n=5'
  curl '$base/v1/explain?user=$user&item=$item'      # why it comes, or what keeps it out
  curl '$base/v1/events' -H 'content-type: application/json' -d '$event'
  curl '$base/metrics'
  ${palate#"$PWD"/} status --data $data
  ${palate#"$PWD"/} replay $(jq -r .request_id <<<"$after") --without-event $place --data $data
                                              # the list after the like, bit for bit; and as if it had never come
  ${palate#"$PWD"/} train --data $data        # beside the server: it takes the new release up by itself
END
say "Look: this list, why each is there, and what a click changes"
echo "  $base/#/user/$user"
printf '%sAll of this took %.1f s. The data is in %s.%s\n' "$dim" "$(jq -n "($(date +%s%N) - $started) / 1000000000")" "$data" "$plain"
if [ -t 1 ]; then
  say "Serving on $base until Ctrl-C"
  wait "$server"
fi
