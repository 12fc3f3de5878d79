// Package e2e tests the program as its users have it: the built binary, real
// files, real HTTP over loopback, real signals. It has tests only.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// binary is the path of the built hookaido, set by TestMain.
var binary string

// testProgram names a hookaido to test instead of building one, as the lab does
// with the packaged one.
const testProgram = "HOOKAIDO_TEST_PROGRAM"

func TestMain(m *testing.M) {
	code, err := buildAndRun(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func buildAndRun(m *testing.M) (int, error) {
	if os.Getenv(ceilingAddress) != "" {
		return m.Run(), nil // it serves a benchmark, see TestCeilingServer
	}
	if socket := os.Getenv(callerSocket); socket != "" {
		return 0, callSocket(socket) // it is another user, see TestSocketUsers
	}
	if binary = os.Getenv(testProgram); binary != "" {
		return m.Run(), nil
	}
	dir, err := os.MkdirTemp("", "hookaido-e2e")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a scratch folder
	binary = filepath.Join(dir, "hookaido")
	// the tags come from GOFLAGS, as those of the tests do
	build := exec.Command("go", "build", "-o", binary, "-ldflags", "-X main.version=1.2.3-test", "hookaido/cmd/hookaido")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return 0, fmt.Errorf("build hookaido: %w", err)
	}
	return m.Run(), nil
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", filepath.Dir(binary)+string(os.PathListSeparator)+env.Getenv("PATH"))
			return nil
		},
	})
}
