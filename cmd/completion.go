package cmd

import (
	"github.com/spf13/cobra"
)

func newCompletion(w *world) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:     "completion bash|zsh|fish|powershell",
		GroupID: groupAbout,
		Short:   "Write the script that completes commands in a shell",
		Example: `  plimsoll completion bash > /etc/bash_completion.d/plimsoll
  plimsoll completion zsh > "${fpath[1]}/_plimsoll"
  plimsoll completion fish > ~/.config/fish/completions/plimsoll.fish`,
		Args:      oneArg("the name of a shell"),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(w.stdout, true)
			case "zsh":
				return root.GenZshCompletion(w.stdout)
			case "fish":
				return root.GenFishCompletion(w.stdout, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(w.stdout)
			}
			return usageError("bash, zsh, fish and powershell are known", "no completion for %q", args[0])
		},
	}
}
