# OCI images without a container engine: layers, config and manifest are written and pushed over HTTP.
# The same files give the same digests. Formats: https://github.com/opencontainers/image-spec
# Needs from its caller: $work, $registry (host:port), fail().

layer_type=application/vnd.oci.image.layer.v1.tar+gzip
config_type=application/vnd.oci.image.config.v1+json
manifest_type=application/vnd.oci.image.manifest.v1+json

sha256() {
    sha256sum "$1" | cut -c 1-64
}

# Packs folder $1 into $2.tar.gz and writes its two digests, packed and unpacked, and its size to $2.layer.
pack_layer() {
    tar --create --directory "$1" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=gnu \
        --transform='s,^\./,,' . | tee >(sha256sum | cut -c 1-64 >"$2.unpacked") | gzip --no-name -3 >"$2.tar.gz"
    # The inner process may end a moment after the pipeline.
    until [[ -s $2.unpacked ]]; do sleep 0.05; done
    echo "$(sha256 "$2.tar.gz") $(cat "$2.unpacked") $(stat --format %s "$2.tar.gz")" >"$2.layer"
    rm "$2.unpacked"
}

# Pushes image $1:$2 with configuration file $3 (the "config" object of an image) and layers $4… (as pack_layer wrote them).
# Prints the manifest's digest.
push_image() {
    local name=$1 tag=$2 config_file=$3 layer packed unpacked size diff_ids="" layers="" separator=""
    shift 3
    for layer; do
        read -r packed unpacked size <"$layer.layer"
        push_blob "$name" "$layer.tar.gz" "$packed"
        diff_ids+="$separator\"sha256:$unpacked\""
        layers+="$separator{\"mediaType\":\"$layer_type\",\"digest\":\"sha256:$packed\",\"size\":$size}"
        separator=,
    done
    local config=$work/$name.config.json manifest=$work/$name.manifest.json
    printf '{"architecture":"%s","os":"linux","config":%s,"rootfs":{"type":"layers","diff_ids":[%s]}}' \
        "$(dpkg --print-architecture)" "$(cat "$config_file")" "$diff_ids" >"$config"
    push_blob "$name" "$config" "$(sha256 "$config")"
    printf '{"schemaVersion":2,"mediaType":"%s","config":{"mediaType":"%s","digest":"sha256:%s","size":%s},"layers":[%s]}' \
        "$manifest_type" "$config_type" "$(sha256 "$config")" "$(stat --format %s "$config")" "$layers" >"$manifest"
    curl --silent --show-error --fail --request PUT --header "Content-Type: $manifest_type" \
        --data-binary "@$manifest" "http://$registry/v2/hearth/$name/manifests/$tag" ||
        fail "the registry at $registry did not take image hearth/$name:$tag"
    echo "sha256:$(sha256 "$manifest")"
}

# Pushes file $2 with digest $3 to repository $1, unless it is there.
push_blob() {
    local repository=http://$registry/v2/hearth/$1 upload
    ! curl --silent --fail --head --output /dev/null "$repository/blobs/sha256:$3" || return 0
    upload=$(curl --silent --show-error --fail --request POST --output /dev/null --write-out '%header{location}' \
        "$repository/blobs/uploads/") || fail "the registry at $registry takes no uploads for hearth/$1"
    [[ $upload == http* ]] || upload=http://$registry$upload
    [[ $upload == *\?* ]] && upload+="&" || upload+="?"
    curl --silent --show-error --fail --request PUT --header 'Content-Type: application/octet-stream' --upload-file "$2" \
        --output /dev/null "${upload}digest=sha256:$3" || fail "the registry at $registry did not take a part of hearth/$1"
}

# Succeeds when the registry has image $1 with manifest digest $2.
has_image() {
    curl --silent --fail --head --output /dev/null --header "Accept: $manifest_type" \
        "http://$registry/v2/hearth/$1/manifests/$2"
}
