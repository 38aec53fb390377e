// Hpa is Kubernetes' own Horizontal Pod Autoscaler, asked case by case instead of by a cluster.
//
// One case a line comes in as JSON (Case), one answer a line goes out. A case is a history: several passes of one
// autoscaler, each at its own time and with its own spec, pods and metrics; the answer has one Answer a pass. Or it is
// only a spec, and the answer is what the API server would refuse in it; or only quantities, and the answer is what they
// are worth. What decides is upstream's: the HorizontalController, its metrics client and the validation are compiled as
// they are; only what the controller talks to is made up.
//
// The controller asks the clock itself (time.Now). Each case therefore runs in a bubble of testing/synctest, in which
// time begins at midnight UTC of 2000-01-01 and moves only when the case sleeps: ages are exact to the nanosecond, so
// that the edges of windows and periods can be tried.
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"testing"
	"testing/synctest"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

// answers is where they go; what the testing package prints goes elsewhere.
var answers = bufio.NewWriterSize(os.Stdout, 1<<20)

func main() {
	os.Stdout = os.Stderr
	klog.SetLogger(logr.Discard())
	// synctest gives bubbles to tests alone.
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: "hpa", F: answerAll}}, nil, nil)
}

func answerAll(t *testing.T) {
	lines := bufio.NewReaderSize(os.Stdin, 1<<20)
	defer answers.Flush()
	controllers := newControllers()
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			if err := answer(t, controllers, line); err != nil {
				t.Fatalf("case %d: %v", number, err)
			}
		}
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func answer(t *testing.T, controllers *controllers, line []byte) error {
	var asked Case
	if err := json.Unmarshal(line, &asked); err != nil {
		return err
	}
	world, err := controllers.of(asked.Settings, asked.Gates)
	if err != nil {
		return err
	}
	if asked.Spec != nil {
		return tell(problems(asked.Spec))
	}
	if asked.Quantities != nil {
		return tell(quantities(asked.Quantities))
	}
	world.begin()
	passes := make([]Answer, len(asked.Passes))
	synctest.Test(t, func(*testing.T) {
		for index := range asked.Passes {
			passes[index] = world.pass(&asked.Passes[index])
		}
	})
	return tell(passes, world.end())
}

func tell(answer any, err error) error {
	if err != nil {
		return err
	}
	return json.NewEncoder(answers).Encode(answer)
}
