// Command sbom prints the bill of materials of a Go program, as CycloneDX in
// JSON: its modules with their checksums, the standard library, and what was
// linked in besides.
//
//	sbom [-with NAME=VERSION]... PROGRAM
//
// The same program gives the same bytes. The time is SOURCE_DATE_EPOCH.
package main

import (
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "sbom:", err)
		os.Exit(1)
	}
}

// pairs are NAME=VERSION arguments.
type pairs [][2]string

func (p *pairs) String() string { return fmt.Sprint(*p) }

func (p *pairs) Set(text string) error {
	name, version, ok := strings.Cut(text, "=")
	if !ok || name == "" || version == "" {
		return fmt.Errorf("%q is not NAME=VERSION", text)
	}
	*p = append(*p, [2]string{name, version})
	return nil
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("sbom", flag.ContinueOnError)
	version := flags.String("version", "", "version of the program")
	var linked pairs
	flags.Var(&linked, "with", "a library that was linked in, as NAME=VERSION; may be repeated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() != 1 || *version == "" {
		return errors.New("say -version VERSION and the program")
	}
	program, err := os.ReadFile(flags.Arg(0))
	if err != nil {
		return err
	}
	info, err := buildinfo.Read(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("read what %s was built from: %w", flags.Arg(0), err)
	}
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	bom := describe(program, info, *version, linked)
	bom.Metadata.Timestamp = time.Unix(seconds, 0).UTC().Format(time.RFC3339)
	encoder := cdx.NewBOMEncoder(out, cdx.BOMFileFormatJSON).SetPretty(true)
	return encoder.EncodeVersion(bom, cdx.SpecVersion1_6)
}

func describe(program []byte, info *buildinfo.BuildInfo, version string, linked pairs) *cdx.BOM {
	digest := sha256.Sum256(program)
	root := cdx.Component{
		Type: cdx.ComponentTypeApplication, Name: "hookaido", Version: version,
		BOMRef: "pkg:generic/hookaido@" + version, PackageURL: "pkg:generic/hookaido@" + version,
		Hashes:   &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(digest[:])}},
		Licenses: &cdx.Licenses{{License: &cdx.License{ID: "Apache-2.0"}}},
	}
	components := []cdx.Component{{
		Type: cdx.ComponentTypeLibrary, Name: "std", Version: info.GoVersion,
		BOMRef:     "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
		PackageURL: "pkg:golang/std@" + strings.TrimPrefix(info.GoVersion, "go"),
	}}
	for _, module := range info.Deps {
		components = append(components, ofModule(module))
	}
	for _, l := range linked {
		purl := "pkg:generic/" + l[0] + "@" + l[1]
		components = append(components, cdx.Component{
			Type: cdx.ComponentTypeLibrary, Name: l[0], Version: l[1], BOMRef: purl, PackageURL: purl,
		})
	}
	needs := make([]string, len(components))
	for i, c := range components {
		needs[i] = c.BOMRef
	}
	bom := cdx.NewBOM()
	bom.SerialNumber = uuid.NewSHA1(uuid.NameSpaceOID, digest[:]).URN()
	bom.Metadata = &cdx.Metadata{Component: &root}
	bom.Components = &components
	bom.Dependencies = &[]cdx.Dependency{{Ref: root.BOMRef, Dependencies: &needs}}
	return bom
}

func ofModule(module *debug.Module) cdx.Component {
	if module.Replace != nil {
		module = module.Replace
	}
	purl := "pkg:golang/" + module.Path + "@" + module.Version
	c := cdx.Component{
		Type: cdx.ComponentTypeLibrary, Name: module.Path, Version: module.Version, BOMRef: purl, PackageURL: purl,
	}
	// The sum of a module is the SHA-256 of the list of its files.
	if sum, ok := strings.CutPrefix(module.Sum, "h1:"); ok {
		if raw, err := base64.StdEncoding.DecodeString(sum); err == nil {
			c.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: hex.EncodeToString(raw)}}
		}
	}
	return c
}
