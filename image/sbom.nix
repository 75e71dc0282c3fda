# The bill of materials: every package of the image, as CycloneDX 1.5, straight from the lock.
{ derive, packages, version }:

let
  component = package: {
    type = "library";
    "bom-ref" = "${package.name}@${package.version}";
    inherit (package) name version;
    purl = "pkg:deb/debian/${package.name}@${package.version}?arch=${package.architecture}&distro=${builtins.head (builtins.split "-" package.suite)}";
    hashes = [{ alg = "SHA-256"; content = package.sha256; }];
    properties = [
      { name = "debian:source"; value = package.source; }
      { name = "debian:suite"; value = package.suite; }
    ];
  };
in
derive {
  name = "hearth-sbom-${version}.cdx.json";
  passAsFile = [ "document" ];
  document = builtins.toJSON {
    bomFormat = "CycloneDX";
    specVersion = "1.5";
    version = 1;
    metadata.component = { type = "operating-system"; name = "hearth"; inherit version; };
    components = map component packages;
  };
  script = ''cp "$documentPath" "$out"'';
}
