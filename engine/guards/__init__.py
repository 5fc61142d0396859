"""What keeps a run sound, whatever its stages do: each file knows one thing that goes wrong.

trouble.py    an exception: whose fault it is, and how it is said in one line
finite.py     numbers that are none
threads.py    processes that want the same cores, and forks
segments.py   memory of a GPU that is cut into pieces which fit nothing
watchdog.py   a stage that does not come back
links.py      links that lead out of a folder
"""
