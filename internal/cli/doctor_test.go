package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"hookaido/internal/doctor"
)

func TestPrintReport(t *testing.T) {
	var out strings.Builder
	p := &program{Environment: Environment{Stdout: &out}}
	report := doctor.Report{
		Checks: 15,
		Findings: []doctor.Finding{
			{ID: "unit-masked", Severity: doctor.Error, What: "the unit is masked", Where: "hookaido.service", Why: "it can't start",
				Mend: []string{"systemctl unmask hookaido.service", "systemctl start hookaido.service"}},
			{ID: "clock-not-synchronised", Severity: doctor.Warning, What: "a < b & c", Where: "here", Why: "because", Mend: []string{"timedatectl"}},
		},
		Unseen: []doctor.Unseen{{Check: "exposure", Reason: "no root"}},
	}
	if err := p.printReport(report, false); err != nil {
		t.Fatal(err)
	}
	want := `ERROR    the unit is masked  (unit-masked)
  where  hookaido.service
  why    it can't start
  mend   systemctl unmask hookaido.service
         systemctl start hookaido.service

WARNING  a < b & c  (clock-not-synchronised)
  where  here
  why    because
  mend   timedatectl

not seen (exposure): no root
15 checks, errors: 1, warnings: 1
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
	out.Reset()
	if err := p.printReport(report, true); err != nil {
		t.Fatal(err)
	}
	var back doctor.Report
	if err := json.Unmarshal([]byte(out.String()), &back); err != nil || len(back.Findings) != 2 || back.Findings[1].What != "a < b & c" ||
		strings.Contains(out.String(), `\u003c`) {
		t.Errorf("%v: %s", err, out.String())
	}
}
