package compile

import (
	"strings"
	"testing"

	"hookaido/internal/config/syntax"
)

// C107: what stands in the query of a URL may be a token. It is shown by none
// of the commands, though a change of it is told.
func TestQueriesAreNotShown(t *testing.T) {
	opts := testOptions()
	opts.LookupEnv = func(string) (string, bool) { return "MARKER", true }
	source := func(query string) string {
		return "/a {\n  auth forward https://auth.example/check?key=MARKER {}\n  deliver \"https://x.example/in?a=1&" + query + "\" {}\n" +
			"  deliver https://y.example/in?MARKER {}\n}\n"
	}
	cfg, diags := Source("f", []byte(source("token={$TOKEN}")), opts)
	if cfg == nil {
		t.Fatal(syntax.Render(diags))
	}
	nodes := Meaning(cfg)
	asJSON, err := ShowJSON(nodes)
	if err != nil {
		t.Fatal(err)
	}
	text := ShowText(nodes)
	for _, want := range []string{
		"https://auth.example/check?key=[redacted]", "https://x.example/in?a=[redacted]&token=[redacted]", "https://y.example/in?[redacted]",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	other, diags := Source("f", []byte(source("token=MARKER-too")), opts)
	if other == nil {
		t.Fatal(syntax.Render(diags))
	}
	var differences []string
	for _, d := range Compare(cfg, other) {
		differences = append(differences, d.String())
	}
	const target = " route /a deliver https://x.example/in?a=[redacted]&token=[redacted]"
	if got := strings.Join(differences, "\n"); !strings.Contains(got, "-"+target) || !strings.Contains(got, "+"+target) || strings.Contains(got, "y.example") {
		t.Errorf("differences:\n%s", got)
	}
	_, diags = Source("f", []byte("/a {\n  deliver https://x.example:0/in?token=MARKER {}\n  pul https://é.example/?MARKER \"http://b?c=MARKER\" {}\n}\n"), opts)
	for what, shown := range map[string]string{"text": text, "JSON": string(asJSON), "differences": strings.Join(differences, "\n"), "faults": syntax.Render(diags)} {
		if strings.Contains(shown, "MARKER") || shown == "" {
			t.Errorf("%s has it:\n%s", what, shown)
		}
	}
}
