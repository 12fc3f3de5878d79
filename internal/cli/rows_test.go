package cli

import "testing"

// C53: only who says so gets a queue on a network file system.
func TestNetworkFileSystemsAreAskedFor(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		env  string
		want bool
	}{
		"by default":     {nil, "", false},
		"flag":           {[]string{"--allow-network-fs"}, "", true},
		"environment":    {nil, "true", true},
		"a flag decides": {[]string{"--allow-network-fs=false"}, "true", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("HOOKAIDO_ALLOW_NETWORK_FS", tc.env)
			p := &program{settings: newSettings()}
			cmd := p.runCommand()
			if err := cmd.ParseFlags(tc.args); err != nil {
				t.Fatal(err)
			}
			if err := p.bind(cmd); err != nil {
				t.Fatal(err)
			}
			opts, err := p.runOptions(cmd)
			if err != nil || opts.AllowNetworkFS != tc.want {
				t.Errorf("got %v, %v, want %v", opts.AllowNetworkFS, err, tc.want)
			}
		})
	}
}
