# Purpose: what keys begin with alike, so that no more than needed is listed.
# Input:   keys, a JSON string each, at least one (-n).
# Output:  a string.

[inputs]
| (min | explode) as $least
| (max | explode) as $most
| ([range($least | length) | select($least[.] != $most[.])][0] // ($least | length)) as $alike
| $least[:$alike]
| implode
