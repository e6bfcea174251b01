package paillier

import (
	"os"
	"os/exec"
	"testing"

	"consilium/paillier/internal/kernel"
)

// The whole suite on every other kernel of this machine: the environment chooses
// it, so each runs in a process of its own.
func TestOnEveryKernel(t *testing.T) {
	if len(kernel.Kernels()) == 1 || os.Getenv("CONSILIUM_NOSIMD") == "1" {
		t.Skip("this is one of those processes, or there is no other kernel")
	}
	for name, environment := range map[string][]string{
		kernel.ADX:      {"CONSILIUM_NOSIMD=1"},
		kernel.Portable: {"CONSILIUM_NOSIMD=1", "CONSILIUM_NOASM=1"},
	} {
		if name == kernel.Kernels()[0] {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := exec.Command(os.Args[0], "-test.run=^Test")
			suite.Env = append(os.Environ(), environment...)
			if out, err := suite.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// A key's kernel is the one that the environment leaves.
func TestKernelIsChosen(t *testing.T) {
	if got, want := testPrivateKey(t).Public().Kernel(), kernel.Kernels()[0]; got != want {
		t.Errorf("kernel %s computes, not %s", got, want)
	}
	t.Setenv("CONSILIUM_NOASM", "1")
	if got := testPrivateKey(t).Public().Kernel(); got != kernel.Portable {
		t.Errorf("with CONSILIUM_NOASM=1 kernel %s computes", got)
	}
}
