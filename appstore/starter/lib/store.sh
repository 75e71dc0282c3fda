# Writes store folders from the templates in apps/, with the versions and digests of what was built.
# Needs from its caller: $here, $work, $cache, $registry.

# Writes store folder $1. $2 is first, or second: then images that extend another take its place.
write_store() {
    local folder=$1 which=$2 definition name version digest image script=$work/$2.sed notes
    : >"$script"
    # Images that extend another come last, and what comes last is tried first by sed.
    while read -r definition name version digest; do
        [[ $definition == "$name" || $which == second ]] || continue
        image=$registry/hearth/$name:$version@$digest
        notes=$(release_notes=""; source "$here/images/$definition/image.conf"; echo "${release_notes-}")
        printf '%s\n' "s|@image:$name@|$image|g" "s|@repository:$name@|$registry/hearth/$name|g" \
            "s|@version:$name@|$version|g" "s|@release_notes:$name@|$notes|g" |
            cat - "$script" >"$script.new"
        mv "$script.new" "$script"
    done < <(awk '$1 == $2' "$cache/images" && awk '$1 != $2' "$cache/images")
    echo "s|@architecture@|$(dpkg --print-architecture)|g" >>"$script"
    replace_folder "$folder/apps" "$script"
    printf '%s\n' "id: starter" "name: Starter" >"$folder/store.yml"
}

# Fills the templates with sed script $2 and puts the result at $1 in one step, so that no reader sees half a store.
replace_folder() {
    local target=$1 script=$2 made file
    mkdir -p "$(dirname "$target")"
    made=$(mktemp -d "$(dirname "$target")/.new.XXXXXX")
    chmod 755 "$made"
    cp -r "$here/apps/." "$made/"
    for file in "$made"/*/*.yml; do
        sed -i -f "$script" "$file"
    done
    if grep -rn '@[a-z_]*:[a-z-]*@' "$made" >&2; then
        rm -rf "$made"
        fail "the templates above name images that images/ does not define"
    fi
    if diff -rq "$made" "$target" >/dev/null 2>&1; then
        rm -rf "$made"
        return
    fi
    rm -rf "$target"
    mv "$made" "$target"
}
