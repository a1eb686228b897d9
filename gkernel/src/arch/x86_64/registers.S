# u64 guest_fill_registers_and_call(u64 times)
#
# Every register gets a value of its own, rsp apart; rax is that of the call. Then `times` calls that
# nobody defined, and a comparison. Returns 0, or a number: 1 and on for rcx, rdx, rsi, rdi, rbx, rbp, r8
# and on; 32 + n for xmm n.

.macro FILL register, number
    movabs  \register, 0x123456789ABC0000 + \number
.endm
.macro FILL_VECTOR n
    movabs  rax, 0x123456789ABCF000 + \n
    movq    xmm\n, rax
    punpcklqdq xmm\n, xmm\n
.endm
.macro CHECK register, number
    movabs  rax, 0x123456789ABC0000 + \number
    cmp     \register, rax
    mov     eax, \number
    jne     3f
.endm
.macro CHECK_VECTOR n
    movabs  rcx, 0x123456789ABCF000 + \n
    mov     eax, 32 + \n
    movq    rdx, xmm\n
    cmp     rdx, rcx
    jne     3f
    punpckhqdq xmm\n, xmm\n
    movq    rdx, xmm\n
    cmp     rdx, rcx
    jne     3f
.endm

.macro FILL_ALL
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    FILL_VECTOR \n
    .endr
    FILL    rcx, 1
    FILL    rdx, 2
    FILL    rsi, 3
    FILL    rdi, 4
    FILL    rbx, 5
    FILL    rbp, 6
    FILL    r8, 7
    FILL    r9, 8
    FILL    r10, 9
    FILL    r11, 10
    FILL    r12, 11
    FILL    r13, 12
    FILL    r14, 13
    FILL    r15, 14
.endm
.macro CHECK_ALL
    CHECK   rcx, 1
    CHECK   rdx, 2
    CHECK   rsi, 3
    CHECK   rdi, 4
    CHECK   rbx, 5
    CHECK   rbp, 6
    CHECK   r8, 7
    CHECK   r9, 8
    CHECK   r10, 9
    CHECK   r11, 10
    CHECK   r12, 11
    CHECK   r13, 12
    CHECK   r14, 13
    CHECK   r15, 14
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    CHECK_VECTOR \n
    .endr
.endm

.section .text
.type guest_fill_registers_and_call, @function
.globl guest_fill_registers_and_call
guest_fill_registers_and_call:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    push    rdi
    FILL_ALL
2:
    mov     eax, 0x0A000000
    vmmcall
    dec     qword ptr [rsp]
    jnz     2b

    CHECK_ALL
    xor     eax, eax
3:
    pop     rdi
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.size guest_fill_registers_and_call, . - guest_fill_registers_and_call

# u64 guest_fill_registers_and_spin(Spin *spin)
#
# As above, but instead of making calls alone it runs code of every kind until enough interrupts of the timer
# came, each at some instruction of it: vectors, integers, memory, atomics, strings, the stack, calls. They lead to
# guest_count_interrupt. The timer is armed, and interrupts are off. 54 is RFLAGS.CF, which is set all the time.
.type guest_fill_registers_and_spin, @function
.globl guest_fill_registers_and_spin
guest_fill_registers_and_spin:
    push    rbx
    push    rbp
    push    r12
    push    r13
    push    r14
    push    r15
    push    rdi
    sub     rsp, 64
    FILL_ALL
    sti
    mov     dword ptr [rsp + 56], 0
4:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movdqu  [rsp], xmm\n
    pxor    xmm\n, xmm\n
    movdqu  xmm\n, [rsp]
    .endr
    .irp register, rcx,rdx,rsi,rdi,rbx,rbp,r8,r9,r10,r11,r12,r13,r14,r15
    mov     [rsp + 16], \register
    inc     \register
    xchg    \register, [rsp + 16]
    .endr
    lock xadd [rsp + 24], rax
    push    rcx
    push    rsi
    push    rdi
    lea     rsi, [rsp + 24]
    lea     rdi, [rsp + 24 + 32]
    mov     ecx, 16
    rep movsb
    pop     rdi
    pop     rsi
    pop     rcx
    # Flags are kept where nothing changes them.
    stc
    push    rax
    pop     rax
    mov     rax, [rsp]
    nop
    mov     eax, 54
    jnc     3f
    # A call now and then.
    dec     dword ptr [rsp + 56]
    test    dword ptr [rsp + 56], 31
    jnz     4b
    mov     eax, 0x0A000000
    vmmcall
    mov     rax, [rsp + 64]
    push    rcx
    mov     rcx, [rax]
    cmp     rcx, [rax + 8]
    pop     rcx
    jb      4b
    cli
    CHECK_ALL
    xor     eax, eax
3:
    cli
    add     rsp, 64
    pop     rdi
    pop     r15
    pop     r14
    pop     r13
    pop     r12
    pop     rbp
    pop     rbx
    ret
.size guest_fill_registers_and_spin, . - guest_fill_registers_and_spin

# Counts an interrupt of the timer, ends it, arms the timer anew, and goes on where it came.
.type guest_count_interrupt, @function
.globl guest_count_interrupt
guest_count_interrupt:
    push    rax
    push    rcx
    push    rdx
    push    rsi
    mov     rsi, [rip + guest_spin]
    inc     qword ptr [rsi]
    mov     ecx, 0x80B                  # EOI
    xor     eax, eax
    xor     edx, edx
    wrmsr
    rdtsc
    shl     rdx, 32
    or      rax, rdx
    add     rax, [rsi + 16]
    mov     rdx, rax
    shr     rdx, 32
    mov     ecx, 0x6E0                  # the deadline
    wrmsr
    pop     rsi
    pop     rdx
    pop     rcx
    pop     rax
    iretq
.size guest_count_interrupt, . - guest_count_interrupt

.section .data
.p2align 3
.global guest_spin
guest_spin:
    .quad   0
.section .text
