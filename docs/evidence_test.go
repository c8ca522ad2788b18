package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-dev/holdfast/api/v1alpha1"
	"github.com/holdfast-dev/holdfast/internal/ledger"
)

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
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, "controls/network-isolation.md", "../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if found := words.FindString(string(text)); found != "" {
			t.Errorf("%s says %q", page, found)
		}
	}
}
