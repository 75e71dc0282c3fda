# Builds every image that images/<name>/image.conf defines, all on one base layer.
# Needs from its caller: debian.sh, image.sh, $here, $work, say(), fail().
#
# image.conf is read by bash and sets
#   packages    what the image holds beyond images/base; -package is left out though something depends on it
#   version_of  the package whose upstream version becomes the image's tag
#   revision    1, or more for a changed image of the same upstream version
#   prune       paths that the image does not need, patterns allowed
#   extends     instead of packages and version_of: another image, to which root/ is added
# root/ beside it, if any, is copied over the unpacked packages; config.json is the image's configuration as OCI names it.

# Prints one line for each image: definition, name, version, digest.
build_images() {
    local definition definitions=() started=$SECONDS
    find_mirrors
    say "reading package lists of $suite"
    prepare_apt
    say "building the base layer"
    build_base
    for definition in "$here"/images/*/image.conf; do
        definition=$(basename "$(dirname "$definition")")
        [[ $definition == base ]] || definitions+=("$definition")
    done
    download_all "${definitions[@]}"
    build_in_parallel "${definitions[@]}"
    for definition in "${definitions[@]}"; do
        push_definition "$definition"
    done
    forget_unused
    say "${#definitions[@]} images are in $registry after $((SECONDS - started)) s"
}

# Sets packages, version_of, revision, prune and extends from definition $1.
read_definition() {
    packages=()
    prune=()
    version_of=""
    revision=1
    extends=""
    # Patterns in prune are for the image, not for the folder this runs in.
    set -o noglob
    # shellcheck source=/dev/null
    source "$here/images/$1/image.conf"
    set +o noglob
}

build_base() {
    read_definition base
    resolve "$apt/empty" "${packages[@]}" >"$work/base.plan"
    download "$work/base.plan"
    mapfile -t base_debs < <(cut -d ' ' -f 2 "$work/base.plan")
    { status_of "${base_debs[@]}" && status_of_left_out "${packages[@]}"; } >"$apt/base"
    unpack "$work/base" "${base_debs[@]}"
    copy_files "$here/images/base/root" "$work/base"
    # shellcheck source=/dev/null
    source "$here/images/base/finish.sh" "$work/base"
    remove_pruned "$work/base"
    pack_layer "$work/base" "$work/base-layer"
}

# Decides on and downloads the packages of definitions $@.
download_all() {
    local definition plans=()
    say "choosing packages"
    for definition; do
        read_definition "$definition"
        [[ ! $extends ]] || continue
        resolve "$apt/base" "${packages[@]}" >"$work/$definition.plan"
        plans+=("$work/$definition.plan")
    done
    download "${plans[@]}"
}

# Makes the layers of definitions $@, as many at a time as there are processors.
build_in_parallel() {
    local definition failed=0
    for definition; do
        while (($(jobs -rp | wc -l) >= $(nproc))); do wait -n || failed=1; done
        build_layers "$definition" &
    done
    while [[ $(jobs -rp) ]]; do wait -n || failed=1; done
    ((failed == 0)) || fail "an image could not be built"
}

# Makes layers of definition $1: one of packages unless it extends another image, and one of our own files.
build_layers() {
    local debs
    read_definition "$1"
    if [[ ! $extends ]]; then
        mapfile -t debs < <(cut -d ' ' -f 2 "$work/$1.plan")
        packages_layer "$1" "${debs[@]}" >"$work/$1.packages"
        upstream_version "$version_of" "${debs[@]}" >"$work/$1.version"
    fi
    copy_files "$here/images/$1/root" "$work/$1-root"
    pack_layer "$work/$1-root" "$work/$1-root"
    say "built $1"
}

# Prints the layer of package files $2… without the paths of prune, packed before or now. $1 names its scratch folder.
packages_layer() {
    local layer
    layer=$cache/layers/$({ cat "$here/lib/left-out" "$here/lib/image.sh" && printf '%s\n' "${@:2}" "${prune[@]}"; } | sha256sum | cut -c 1-64)
    if [[ ! -s $layer.layer ]]; then
        mkdir -p "$cache/layers"
        unpack "$work/$1" "${@:2}"
        remove_pruned "$work/$1"
        pack_layer "$work/$1" "$layer"
        rm -rf "${work:?}/$1"
    fi
    echo "$layer"
}

# Removes downloads and layers that no image uses any more.
forget_unused() {
    local file name
    cut -d ' ' -f 2 "$work"/*.plan >"$work/used"
    cat "$work"/*.packages >>"$work/used"
    for file in "$cache"/debs/*.deb "$cache"/layers/*; do
        name=${file##*/}
        grep --quiet --fixed-strings --line-regexp -e "$file" -e "${file%/*}/${name%%.*}" "$work/used" || rm -f "$file"
    done
}

# Copies folder $1, if it is there, into $2 with plain permissions, whatever those of this checkout are.
copy_files() {
    mkdir -p "$2"
    [[ -d $1 ]] || return 0
    tar --create --directory "$1" --mode='u=rwX,go=rX' . | tar --extract --directory "$2" --keep-directory-symlink --no-same-owner
}

remove_pruned() {
    local pattern
    for pattern in "${prune[@]}"; do
        # Unquoted, so that patterns match.
        rm -rf "$1"/$pattern
    done
}

# Pushes definition $1 and prints its line.
push_definition() {
    local name=$1 layers version digest
    read_definition "$1"
    layers=("$work/$1-root")
    if [[ $extends ]]; then
        name=$extends
        layers=("$work/$extends-root" "${layers[@]}")
    fi
    version=$(cat "$work/$name.version")
    ((revision == 1)) || version+=-$revision
    digest=$(push_image "$name" "$version" "$here/images/$name/config.json" "$work/base-layer" "$(cat "$work/$name.packages")" "${layers[@]}")
    echo "$1 $name $version $digest"
}
