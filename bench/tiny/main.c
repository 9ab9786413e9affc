/* SPDX-License-Identifier: MIT */
/* What the Spawn rows start: the least that a program can do. */
int main(int argc, char **argv, char **envp);

int main(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	return 0;
}
