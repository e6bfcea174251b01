package testnet

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"consilium/model"
	"consilium/node"
	"consilium/protocol"
)

// verdict is what the judge finds. It knows everybody's rows, which no hospital
// does.
type verdict struct {
	checks         []Check
	aggregateError int64    // largest difference between an opened sum and the plain one
	weightsMaxDiff float64  // joint weights against a replay in the clear
	bound          *float64 // what fixed point can make of that difference, where that is known
	replayMaxDiff  *float64 // and to a replay with the same roundings, where the judge knows them
	joint          model.State
	jointMetrics   *model.Metrics // on all test rows; nil when there is no joint model to compare
	pooled         model.Metrics
	alone          []model.Metrics // by hospital; no metrics where it cannot learn alone
	noFit          error           // why the hospitals found no fit, where they found none
}

// check notes whether something holds.
func (v *verdict) check(name string, wrong []string, fine string) bool {
	c := Check{Name: name, OK: len(wrong) == 0, Detail: fine}
	if !c.OK {
		c.Detail = strings.Join(wrong, "; ")
	}
	v.checks = append(v.checks, c)
	return c.OK
}

// judge compares the run with the same computation in the clear. What the
// hospitals did wrong is a check that failed; an error is the judge's own.
func (n *network) judge() (*verdict, error) {
	v := &verdict{}
	n.checkSets(v)
	path, err := n.checkSums(v)
	if err != nil || path == nil {
		return v, err
	}
	v.joint = path[len(path)-1]
	v.noFit = n.scenario.program.FitError(v.joint)
	n.checkModels(v)
	n.checkNames(v)
	if err := n.replay(v, path); err != nil {
		return v, err
	}
	return v, n.compare(v)
}

// checkSets: all who finished a round hold one set.
func (n *network) checkSets(v *verdict) {
	var wrong []string
	rounds := n.studyRounds()
	for number := range rounds {
		r := n.rounds[number]
		switch {
		case r == nil || len(r.sets) == 0:
			wrong = append(wrong, fmt.Sprintf("nobody finished round %d", number))
		case slices.ContainsFunc(r.sets, func(set protocol.Hash) bool { return set != r.sets[0] }):
			wrong = append(wrong, fmt.Sprintf("two hospitals opened different sets in round %d", number))
		}
	}
	v.check("one set in every round", wrong, fmt.Sprintf("in %d rounds", rounds))
}

// studyRounds is how many rounds the study took: a trainer may end it by itself.
func (n *network) studyRounds() uint64 {
	if n.scenario.program.EndsByItself() {
		return n.furthest + 1
	}
	rounds := n.scenario.lastRound() + 1
	for _, r := range n.rounds {
		if r.cameToNothing() {
			rounds++
		}
	}
	return rounds
}

// cameToNothing tells that a round ended before anything of it was opened.
func (r *roundView) cameToNothing() bool { return r.skipped != "" && len(r.included) == 0 }

// checkSums follows the study from sum to sum: every hospital's must be the
// plain sum of the fixed point updates of the included. The path is the states
// after each round, nil when a round has no sum.
func (n *network) checkSums(v *verdict) ([]model.State, error) {
	program := n.scenario.program
	state := program.Start()
	var err error
	var path []model.State
	var wrong []string
	opened := 0
	for {
		step, more := program.Next(state)
		if !more {
			break
		}
		r := n.rounds[uint64(step.Round+state.Unopened)]
		if r != nil && r.cameToNothing() {
			if state, err = program.Again(state); err != nil {
				return nil, err
			}
			continue
		}
		n.steps[step.Round] = r
		if r != nil && r.skipped != "" {
			if state, err = program.Skip(state); err != nil {
				return nil, err
			}
			path = append(path, state)
			continue
		}
		if r == nil || len(r.sums) == 0 {
			v.check(sumsName, append(wrong, fmt.Sprintf("round %d has no sum", step.Round)), "")
			return nil, nil
		}
		plain, err := n.plainSum(state, r.included)
		if err != nil {
			return nil, err
		}
		largest := r.difference(plain)
		if largest != 0 {
			wrong = append(wrong, fmt.Sprintf("a sum of round %d differs from the plain one by %d", step.Round, largest))
		}
		v.aggregateError = max(v.aggregateError, largest)
		opened += len(r.sums)
		values := make([]float64, len(plain))
		if err := step.Codec.Decode(values, r.sums[0]); err != nil {
			return nil, err
		}
		if state, err = program.Apply(state, values); err != nil {
			return nil, err
		}
		path = append(path, state)
	}
	v.check(sumsName, wrong, fmt.Sprintf("%d sums; the largest difference is 0", opened))
	return path, nil
}

const sumsName = "every sum is the plain sum of its set"

// difference is the largest between the sums and the plain one.
func (r *roundView) difference(plain protocol.Vector) (largest int64) {
	for _, sum := range r.sums {
		if len(sum) != len(plain) {
			return math.MaxInt64
		}
		for j := range plain {
			largest = max(largest, abs(sum[j]-plain[j]))
		}
	}
	return largest
}

func (n *network) plainSum(state model.State, included []protocol.Party) (protocol.Vector, error) {
	var sum protocol.Vector
	for _, p := range included {
		update, err := n.scenario.update(p, state)
		if err != nil {
			return nil, fmt.Errorf("recompute the update of %s: %w", n.hospitals[p].name, err)
		}
		if sum == nil {
			sum = make(protocol.Vector, len(update))
		}
		for i, x := range update {
			sum[i] += x
		}
	}
	return sum, nil
}

// update is what a hospital adds in the round that a state calls for.
func (s *scenario) update(p protocol.Party, state model.State) (protocol.Vector, error) {
	encoded, err := state.MarshalBinary()
	if err != nil {
		return nil, err
	}
	split := s.splits[p-1]
	return node.Training{Program: s.program, Train: split.Train, Test: split.Test}.Update(encoded)
}

func abs(x int64) int64 { return max(x, -x) }

// checkModels: everybody who finished ends with the model that the sums give.
func (n *network) checkModels(v *verdict) {
	var wrong []string
	finished := 0
	for _, h := range n.hospitals[1:] {
		if !h.finished || h.lies() {
			continue
		}
		finished++
		state, err := model.UnmarshalState(h.state)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", h.name, err))
		} else if state.Hash() != v.joint.Hash() {
			wrong = append(wrong, fmt.Sprintf("%s ends with another model than the sums give", h.name))
		}
	}
	fine := fmt.Sprintf("%d hospitals hold it", finished)
	if gone := len(n.hospitals) - 1 - finished - n.scenario.liars().Len(); gone > 0 {
		fine += fmt.Sprintf("; %d gone for good", gone)
	}
	v.check("one model everywhere", wrong, fine)
}

// replay repeats the study in float64, over each round's included hospitals. A
// trainer that ends by itself may, rounded otherwise, take a round more: that one
// is over the hospitals of the last.
func (n *network) replay(v *verdict, path []model.State) error {
	var included []int
	clear, err := model.Replay(n.scenario.program, n.scenario.splits, func(round int) []int {
		view := n.steps[round]
		if view == nil {
			return included
		}
		if view.skipped != "" {
			return nil
		}
		included = nil
		for _, p := range view.included {
			included = append(included, int(p)-1)
		}
		return included
	})
	if err != nil {
		return fmt.Errorf("replay in the clear: %w", err)
	}
	for i, w := range v.joint.Weights {
		v.weightsMaxDiff = math.Max(v.weightsMaxDiff, math.Abs(w-clear.Weights[i]))
	}
	v.bound = n.bound(path)
	return nil
}

// bound is known for fedsgd, when nobody came in after the standardisation.
func (n *network) bound(path []model.State) *float64 {
	first := protocol.NewSet(n.steps[0].included...)
	for _, r := range n.steps {
		if !protocol.NewSet(r.included...).Within(first) {
			return nil
		}
	}
	bound, err := n.scenario.program.WeightErrorBound(path)
	if err != nil {
		return nil
	}
	return &bound
}

// compare measures the joint model, the pooled one and each hospital's own on
// the same rows: all test rows.
func (n *network) compare(v *verdict) error {
	var trains, tests []*model.Dataset
	for _, s := range n.scenario.splits {
		trains, tests = append(trains, s.Train), append(tests, s.Test)
	}
	train, err := model.Pool(trains...)
	if err != nil {
		return err
	}
	test, err := model.Pool(tests...)
	if err != nil {
		return err
	}
	v.jointMetrics = &model.Metrics{}
	if v.noFit == nil {
		if *v.jointMetrics, err = n.scenario.program.Evaluate(v.joint, test); err != nil {
			return err
		}
		if v.pooled, err = n.learnAlone(train, test); err != nil {
			return err
		}
	}
	for _, s := range n.scenario.splits {
		alone, err := n.learnAlone(s.Train, test)
		if err != nil { // no rows, no fit, or too unlike rows for this step length
			alone = model.Metrics{}
		}
		v.alone = append(v.alone, alone)
	}
	return nil
}

// learnAlone runs the study in the clear on one table.
func (n *network) learnAlone(train, test *model.Dataset) (model.Metrics, error) {
	plan := n.scenario.program.Plan()
	plan.Hospitals, plan.Evaluate = 1, false
	program, err := model.NewProgram(plan)
	if err != nil {
		return model.Metrics{}, err
	}
	state, err := model.Replay(program, []model.Split{{Train: train}}, nil)
	if err != nil {
		return model.Metrics{}, err
	}
	if err := program.FitError(state); err != nil {
		return model.Metrics{}, err
	}
	return program.Evaluate(state, test)
}
