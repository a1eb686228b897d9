#!/bin/sh
# Boots the images of published crates and compares each verdict with the one in verdicts.txt.
#
#   tests/foreign/judge.sh IMAGES [CRATE…]
#
# IMAGES is what build.sh has filled. HARNESS may name the program, such as an installed one. The exit code
# is 0 only if every image was there and got the right verdict for the right reason.
set -eu

images=${1:?usage: tests/foreign/judge.sh IMAGES [CRATE…]}
shift
images=$(cd "$images" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
records=${RECORDS:-$images/records}
rows=0
wrong=0

harness() {
    if [ -n "${HARNESS:-}" ]; then
        "$HARNESS" "$@"
    else
        (cd "$here/../.." && cargo run --quiet --package harness -- "$@")
    fi
}

while read -r image arch machine guest kind cause; do
    case $image in '' | '#'*) continue ;; esac
    case " ${*:-$image} " in *" $image "*) ;; *) continue ;; esac
    rows=$((rows + 1))
    file=$images/arceos-$image-$arch
    if [ ! -f "$file" ]; then
        echo "WRONG  $image on $arch: there is no $file"
        wrong=$((wrong + 1))
        continue
    fi
    options="--machine $machine"
    if [ "$guest" != - ]; then
        options="$options --guest $images/guests/$image-$arch/$guest"
    fi
    # shellcheck disable=SC2086 # the options are words, and no path of ours has a space
    said=$(harness run $options --hypervisor "$file" --scenario "$here/$image.toml" --timeout 30 \
        --records "$records" --format json 2>&1 </dev/null) || true
    case $said in
        *'"verdict":{"kind":"'"$kind"'"'*"$cause"*)
            echo "right  $image on $arch: $kind ${cause:+($cause)}"
            ;;
        *)
            wrong=$((wrong + 1))
            echo "WRONG  $image on $arch: not $kind ${cause:+($cause)}, but:"
            printf '%s\n' "$said" | tail -n 20
            ;;
    esac
done <"$here/verdicts.txt"

if [ "$rows" = 0 ]; then
    echo "nothing was judged: no row of verdicts.txt is of ${*:-an image}"
    exit 1
fi
echo "$((rows - wrong)) of $rows verdicts were right"
[ "$wrong" = 0 ]
