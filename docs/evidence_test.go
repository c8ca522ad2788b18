package docs_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/robfig/cron/v3"
	"sigs.k8s.io/yaml"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

// blocks returns the texts of a page's fenced blocks of a language.
func blocks(t *testing.T, page, language string) []string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, match := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(text), -1) {
		found = append(found, match[1])
	}
	return found
}

func TestSchedulesInTheGuideCanBeRead(t *testing.T) {
	schedules := blocks(t, "evidence.md", "yaml")
	if len(schedules) < 3 {
		t.Fatalf("%d schedules in evidence.md, want at least 3", len(schedules))
	}
	for _, text := range schedules {
		var schedule v1alpha1.EvidenceSchedule
		if err := yaml.UnmarshalStrict([]byte(text), &schedule); err != nil {
			t.Errorf("%v in\n%s", err, text)
			continue
		}
		if schedule.Kind != "EvidenceSchedule" || schedule.Name == "" {
			t.Errorf("no EvidenceSchedule, or one without a name:\n%s", text)
		}
		if _, err := cron.ParseStandard(schedule.Spec.Schedule); err != nil {
			t.Errorf("%s: %v", schedule.Name, err)
		}
	}
}

func TestWhatRecordsSayOfCollectionsIsDocumented(t *testing.T) {
	page, err := os.ReadFile("evidence.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{
		ledger.CollectionCompleted, "Late", ledger.CollectionPartial, ledger.CollectionFailed,
		v1alpha1.ReasonAwaitingFirstSlot, v1alpha1.ReasonCollectionPartial, v1alpha1.ReasonCollectionFailed, v1alpha1.ReasonSlotMissed,
		v1alpha1.ReasonNoAnchor, v1alpha1.ReasonAnchorUnreachable,
	} {
		if !strings.Contains(string(page), "`"+word+"`") {
			t.Errorf("evidence.md does not explain %s", word)
		}
	}
}

func TestE35TheGuideDrawsNoConclusion(t *testing.T) {
	words := regexp.MustCompile(`(?i)\b(compliant|compliance|certified|passed the|operated effectively)\b`)
	for _, page := range []string{"evidence.md", "for-auditors.md", "reading-the-evidence.md", "../README.md"} {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if found := words.FindString(string(text)); found != "" {
			t.Errorf("%s says %q", page, found)
		}
	}
}
